/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output of the demos: a numbered line for each step that was checked, and for
 * the first failure its cause and a cure.
 */
#ifndef DEMO_H
#define DEMO_H

#include "kselftest.h"
#include "heap_test.h"

static bool colour;
static int demo_step;

/* Prints a step that was done and checked. */
static inline __printf(1, 2) void say(const char *fmt, ...)
{
	va_list args;

	printf(colour ? "\033[32m%2d.\033[0m " : "%2d. ", ++demo_step);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* err is an errno, or 0 if no system call failed. */
static inline __noreturn __printf(3, 4) void fail(int err, const char *cure, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, colour ? "\033[31mFailed:\033[0m " : "Failed: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nCause:  %s\nCure:   %s\n",
		err ? strerror(err) : "the contents are not as expected", cure);
	exit(1);
}

#endif /* DEMO_H */
