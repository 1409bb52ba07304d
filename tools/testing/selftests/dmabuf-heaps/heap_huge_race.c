// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that fault in the same 2 MiB of a mapping: none of their writes is lost,
 * and the kernel reports no error in its page tables (the caller checks the log).
 * The number of rounds is fixed, nothing depends on time.
 */
#include <pthread.h>
#include <sys/prctl.h>

#include "heap_huge.h"

/* In each round, each thread writes to its own word in each of some pages. */
struct race {
	pthread_barrier_t start, done;
	char *map;	/* NULL: no more rounds */
	size_t len;
	size_t step;	/* from page to page */
	__u64 round;
};

struct runner {
	struct race *race;
	pthread_t thread;
	int nr;
};

/* In odd rounds, the threads go in opposite directions. */
static void *run(void *arg)
{
	const struct runner *runner = arg;
	struct race *race = runner->race;
	const size_t steps = race->len / race->step;
	size_t i;

	for (;;) {
		pthread_barrier_wait(&race->start);
		if (!race->map)
			return NULL;
		for (i = 0; i < steps; i++) {
			size_t at = runner->nr && race->round % 2 ? steps - 1 - i : i;
			char *page = race->map + at * race->step;

			number_page(page + runner->nr * sizeof(__u64), race->round + at);
		}
		pthread_barrier_wait(&race->done);
	}
}

static ssize_t words_differ(const struct race *race)
{
	size_t i;

	for (i = 0; i < race->len / race->step; i++) {
		const char *page = race->map + i * race->step;

		if (number_of(page) != race->round + i ||
		    number_of(page + sizeof(__u64)) != race->round + i)
			return i;
	}
	return -1;
}

static void *toggle_huge_pages(void *stop)
{
	int off = 0;

	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		prctl(PR_SET_THP_DISABLE, off = !off, 0, 0, 0);
	return NULL;
}

static void race_in_mapping(struct __test_metadata *_metadata, const struct heap_state *heap,
			    struct race race, size_t above, int rounds)
{
	struct runner runners[] = { { &race, .nr = 0 }, { &race, .nr = 1 } };
	int i, buf = heap_take(_metadata, heap, race.len);
	char *room = room_at(_metadata, race.len, above);

	ASSERT_EQ(0, pthread_barrier_init(&race.start, NULL, 3));
	ASSERT_EQ(0, pthread_barrier_init(&race.done, NULL, 3));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&runners[i].thread, NULL, run, &runners[i]));
	/* Each mapping replaces the last one. */
	for (race.round = 1; race.round <= rounds; race.round++) {
		race.map = mmap(room, race.len, RW, MAP_SHARED | MAP_FIXED, buf, 0);
		ASSERT_EQ(room, race.map);
		pthread_barrier_wait(&race.start);
		pthread_barrier_wait(&race.done);
		ASSERT_EQ(-1, words_differ(&race));
	}
	race.map = NULL;
	pthread_barrier_wait(&race.start);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(runners[i].thread, NULL));
}

HEAP_MMAP_TEST(two_threads)
{
	struct race race = {
		.len = huge_len(&self->heap, HUGE), .step = self->heap.page,
	};

	race_in_mapping(_metadata, &self->heap, race, 0, 100);
	race_in_mapping(_metadata, &self->heap, race, self->heap.page, 100);
}

/* Huge pages are toggled meanwhile: one thread may map a huge entry, the other a table. */
HEAP_MMAP_TEST(two_threads_and_huge_pages)
{
	const size_t len = huge_len(&self->heap, MIB(16));
	struct race race = { .len = len, .step = len < HUGE ? len : HUGE };
	bool stop = false;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, toggle_huge_pages, &stop));
	race_in_mapping(_metadata, &self->heap, race, 0, 500);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_HARNESS_MAIN
