# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Shared by the shell scripts in this directory: paths, options, the progress of
# long steps, and Debian's archive through a private apt state, so that the
# machine's sources, lists and packages stay as they are.

set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dmabuf-heaps
QEMU_DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
TOP=$(readlink -f "$QEMU_DIR/../../../../..")
export QEMU_DIR
STEPS=5		# packages, source, kernel, guest, modules
# A caller's make has its own jobs and flags.
unset MAKEFLAGS MFLAGS MAKELEVEL
case $CACHE$QEMU_DIR in
*[[:space:]:]*)
	echo "error: the kernel's make takes no path with spaces or colons: $CACHE and $QEMU_DIR; set XDG_CACHE_HOME=/path, or clone elsewhere" >&2
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

# options "NAME= FLAG" "$@": sets $NAME for --NAME VALUE, and $FLAG to 1 for --FLAG.
# Other arguments go to the array args. The script's first comment is its --help.
args=()
options()
{
	local known=" $1 " name
	shift
	while [ $# -gt 0 ]; do
		name=${1#--}
		if [[ $1 == -h || $1 == --help ]]; then
			sed -n '4,/^$/s/^# \{0,1\}//p' "$0"
			exit 0
		elif [[ $1 != -* ]]; then
			args+=("$1")
		elif [[ $1 == --?* && $known == *" $name "* ]]; then
			printf -v "$name" 1
		elif [[ $1 == --?* && $known == *" $name= "* && $# -gt 1 ]]; then
			printf -v "$name" %s "$2"
			shift
		else
			say "error: $(basename "$0") has no option $1, or it needs a value: see --help"
			exit 2
		fi
		shift
	done
}

# table BOARD, table --overlay FILE: sets the variables that tables.py prints.
table()
{
	local assignments
	assignments=$("$QEMU_DIR/tables.py" "$@") || exit 1
	eval "$assignments"
	export ARCH CROSS_COMPILE
}

# The number of this clone, in names of what each clone builds for itself.
clone()
{
	sha256sum <<<"$TOP" | cut -c 1-8
}

# newest A B...: the highest of some versions.
newest()
{
	printf '%s\n' "$@" | sort -V | tail -n 1
}

# step K TITLE COMMAND...: runs COMMAND with its output in a log, and shows the last
# line of that every ten seconds. On failure the end of the log is shown.
step()
{
	local k=$1 title=$2 start=$SECONDS log pid status=0 tick=1
	shift 2
	log=$CACHE/log/$k-$(tr -c 'a-zA-Z0-9.\n' - <<<"$title").log
	say "[$k/$STEPS] $title"
	# A process group, so that all of it ends with this script.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064
	trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if [ $((tick++ % 50)) -eq 0 ]; then
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

# only_one NAME: waits for other calls that make the same thing; until exit.
only_one()
{
	exec 9>"$CACHE/lock-$1"
	flock -w 5 9 || {
		say "waiting for another run that makes the same ($1)"
		flock 9
	}
}

# in_log NAME MESSAGE COMMAND...: a short step; on failure the end of its log is shown.
in_log()
{
	local log=$CACHE/log/$1.log message=$2
	shift 2
	"$@" >"$log" 2>&1 </dev/null || {
		tail -n 25 "$log" >&2
		die "$message"
	}
}

is_debian()
{
	grep -qx 'ID="\?debian"\?' /etc/os-release 2>/dev/null
}

codename()
{
	sed -n 's/^VERSION_CODENAME="\?\([a-z]*\)"\?$/\1/p' /etc/os-release
}

# The mirror that this machine's own release comes from.
mirror()
{
	# shellcheck disable=SC2016 # the names are apt's to expand
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
		awk -v r="$(codename)" '$2 == "main" && ($1 == r || $1 == "stable" || $1 == "oldstable") { print $3; exit }'
}

# apt_in "SUITE..." ARCH: makes the private apt state for suites and an architecture,
# and exports APT_CONFIG, so that plain apt commands use it: for packages, or for
# sources with APT_SOURCES=deb-src. Fails when the mirror lacks a suite.
apt_in()
{
	local suites=$1 arch=$2 uri dir s
	uri=$(unset APT_CONFIG; mirror)
	[ -n "$uri" ] || die "apt knows no mirror of $(codename) here: run apt-get update, check its sources, or give a kernel tree in KSRC"
	dir=$CACHE/apt/${suites// /+}-$arch${APT_SOURCES:+-source}
	mkdir -p "$dir"/{lists,archives}/partial "$dir/empty"
	: >"$dir/status"
	for s in $suites; do
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
		// Signatures are checked; the lists of archived suites expire.
		Acquire::Check-Valid-Until "false";
		END
	} >"$dir/apt.conf"
	export APT_CONFIG=$dir/apt.conf
	apt-get update --error-on=any
}

# unpack "SUITE..." ARCH ROOT PACKAGE...: unpacks packages of the first suite, and all
# that they depend on, below ROOT. They are not installed on the machine.
unpack()
{
	local suites=$1 arch=$2 root=$3 archives deb
	shift 3
	archives=$CACHE/apt/${suites// /+}-$arch/archives
	rm -rf "$root"
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	# One tree, as on an installed system, also for packages that still use /lib.
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
	apt_in "$suites" "$arch" || return 1
	rm -f "$archives"/*.deb
	apt-get install -y --download-only -t "${suites%% *}" "$@" || return 1
	for deb in "$archives"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' || return 1
	done
	rm -f "$archives"/*.deb
}

# wrapper ROOT ENVIRONMENT PROGRAM ARGUMENT...: prints a script that runs an unpacked
# program with the loader and the libraries below ROOT.
wrapper()
{
	local root=$1 environment=$2 loader dirs
	shift 2
	loader=$(find "$root/usr/lib" -mindepth 2 -maxdepth 2 -name 'ld*.so.[0-9]')
	[ -f "$loader" ] || die "there is no loader, or more than one, in $root/usr/lib"
	dirs=$(find "$(dirname "$loader")" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd :)
	cat <<-END
	#!/bin/sh
	$environment exec $loader --library-path $dirs $* "\$@"
	END
}
