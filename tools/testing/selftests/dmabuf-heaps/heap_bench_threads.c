// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures how many buffers per second 1, 2 and 4 threads allocate and close. The
 * figures are in real time and vary from run to run.
 *
 *	heap_bench_threads SIZE,... LABEL=HEAP...
 */
#include <pthread.h>

#include "heap_bench.h"

#define THREADS		4
#define SECONDS		1

struct work {
	const struct bench_heap *heap;
	size_t size;
	pthread_barrier_t begin;
	bool stop;
};

struct worker {
	pthread_t thread;
	struct work *work;
	__u64 done;
};

static void *allocate_and_close(void *arg)
{
	struct worker *worker = arg;
	struct work *work = worker->work;

	pthread_barrier_wait(&work->begin);
	while (!__atomic_load_n(&work->stop, __ATOMIC_RELAXED)) {
		close(bench_take(work->heap, work->size));
		worker->done++;
	}
	return NULL;
}

static void measure(const struct bench_heap *heap, size_t size, int threads)
{
	struct worker workers[THREADS] = {};
	struct work work = { .heap = heap, .size = size };
	__u64 start, done = 0;
	char name[32];
	int i;

	pthread_barrier_init(&work.begin, NULL, threads + 1);
	for (i = 0; i < threads; i++) {
		workers[i].work = &work;
		if (pthread_create(&workers[i].thread, NULL, allocate_and_close, &workers[i]))
			bench_die("cannot create thread %d of %d", i + 1, threads);
	}
	pthread_barrier_wait(&work.begin);
	start = bench_now();
	sleep(SECONDS);
	__atomic_store_n(&work.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
	}
	pthread_barrier_destroy(&work.begin);
	snprintf(name, sizeof(name), "threads_%d", threads);
	done = done * 1000000000ULL / (bench_now() - start);
	bench_row(name, heap->label, size, done, "per second");
}

int main(int argc, char **argv)
{
	struct bench_args args;
	int h, s, threads;

	bench_parse(&args, argc, argv);
	for (h = 0; h < args.heap_count; h++)
		for (s = 0; s < args.size_count; s++)
			for (threads = 1; threads <= THREADS; threads *= 2)
				measure(&args.heaps[h], args.sizes[s], threads);
	for (h = 0; h < args.heap_count; h++)
		bench_drain(&args.heaps[h]);
	return 0;
}
