# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Shared by the scripts in this directory: where things are kept, how a long
# step shows that it is alive, and Debian's archive through an apt state of our
# own, so that the machine's sources, lists and packages are never touched.

set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dmabuf-heaps
QEMU_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export QEMU_DIR
STEPS=5		# packages, source, kernel, guest, modules
# A caller's make has its own jobs and flags.
unset MAKEFLAGS MFLAGS MAKELEVEL
case $CACHE$QEMU_DIR in
*[[:space:]:]*)
	echo "error: the kernel's make takes no path with spaces or colons: $CACHE and $QEMU_DIR; say XDG_CACHE_HOME=/path, or clone elsewhere" >&2
	exit 1
	;;
esac
mkdir -p "$CACHE/log"

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# step K TITLE COMMAND...: runs COMMAND with its output in a log, and says every
# ten seconds that it is alive. On failure the end of the log is shown.
step()
{
	local k=$1 title=$2 start=$SECONDS log pid status=0 tick=0
	shift 2
	log=$CACHE/log/$k-$(tr -c 'a-zA-Z0-9.\n' - <<<"$title").log
	say "[$k/$STEPS] $title"
	# A group of its own, so that all of it ends when this does.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064
	trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		tick=$((tick + 1))
		if [ $((tick % 50)) -eq 0 ]; then
			say "      $((SECONDS - start)) s: $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-66)"
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM
	if [ "$status" -ne 0 ]; then
		tail -n 25 "$log" >&2
		die "step $k, $title, failed (status $status); the whole log: $log"
	fi
	if [ $((SECONDS - start)) -ge 2 ]; then
		say "      done in $((SECONDS - start)) s"
	fi
}

# only_one NAME: what one call is making, another one waits for. Until exit.
only_one()
{
	exec 9>"$CACHE/lock-$1"
	flock -n 9 || {
		say "waiting for another run that makes the same ($1)"
		flock 9
	}
}

# The architecture, as the kernel calls it, of a board.
arch_of()
{
	case $1 in
	virt | imx8mp-evk | raspi3b) echo arm64 ;;
	mcimx7d-sabre) echo arm ;;
	*) die "no board $1: there are virt, imx8mp-evk, raspi3b and mcimx7d-sabre" ;;
	esac
}

# The same architecture as Debian calls it.
debian_arch()
{
	case $1 in
	arm) echo armhf ;;
	*) echo "$1" ;;
	esac
}

# cross_compile ARCH: the compiler's prefix, the caller's or that of Debian's
# cross compiler. The 32-bit one has the name it has in the kernel, so that both
# can be in one environment.
cross_compile()
{
	case $1 in
	arm) echo "${CROSS_COMPILE_COMPAT-arm-linux-gnueabihf-}" ;;
	*) echo "${CROSS_COMPILE-$([ "$(uname -m)" = aarch64 ] || echo aarch64-linux-gnu-)}" ;;
	esac
}

is_debian()
{
	grep -qx 'ID="\?debian"\?' /etc/os-release 2>/dev/null
}

codename()
{
	sed -n 's/^VERSION_CODENAME="\?\([a-z]*\)"\?$/\1/p' /etc/os-release
}

# The mirror this machine is configured with: where its own release comes from.
mirror()
{
	# shellcheck disable=SC2016 # the names are apt's to expand
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
		awk -v r="$(codename)" '$2 == "main" && ($1 == r || $1 == "stable" || $1 == "oldstable") { print $3; exit }'
}

# apt_in SUITE ARCH: makes the private apt state for one suite and architecture
# and exports APT_CONFIG, so that plain apt commands work in it; of packages, or
# of sources with APT_SOURCES=deb-src. With APT_HOST=y the machine's own suite
# is in it too, and what is installed counts as installed. Fails when the mirror
# has no such suite.
apt_in()
{
	local suite=$1 arch=$2 uri dir s
	uri=$(unset APT_CONFIG; mirror)
	[ -n "$uri" ] || die "apt knows no mirror of $(codename) here: run apt-get update, look at its sources, or give a kernel tree in KSRC"
	dir=$CACHE/apt/$suite-$arch${APT_SOURCES:+-source}${APT_HOST:+-host}
	mkdir -p "$dir"/{lists,archives}/partial "$dir/empty"
	: >"$dir/status"
	[ -z "${APT_HOST:-}" ] || cp /var/lib/dpkg/status "$dir/status"
	for s in $suite ${APT_HOST:+$(codename)}; do
		printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
			"${APT_SOURCES:-deb}" "$uri" "$s"
	done >"$dir/sources.list"
	{
		(unset APT_CONFIG; apt-config dump) | grep '^Acquire::' || true
		cat <<-END
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "$dir/empty";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "$dir/empty";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "$dir/empty";
		Dir::State "$dir";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir";
		Dir::Cache::archives "$dir/archives";
		Dir::Log "$dir";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		// Signatures are checked; the list of an archived suite is old by nature.
		Acquire::Check-Valid-Until "false";
		END
	} >"$dir/apt.conf"
	export APT_CONFIG=$dir/apt.conf
	apt-get update --error-on=any
}

# unpack SUITE ARCH ROOT PACKAGE...: the packages, and all that they need, below
# ROOT. The machine knows nothing of them.
unpack()
{
	local suite=$1 arch=$2 root=$3 deb
	shift 3
	rm -rf "$root"
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	# One tree, as on an installed system, also for packages that still say /lib.
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
	apt_in "$suite" "$arch" || return 1
	rm -f "$CACHE/apt/$suite-$arch/archives"/*.deb
	apt-get install -y --download-only "$@" || return 1
	for deb in "$CACHE/apt/$suite-$arch/archives"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' || return 1
	done
	rm -f "$CACHE/apt/$suite-$arch/archives"/*.deb
}
