/* The programs that a benchmark runs on a cluster: started one after the other, heard by the lines
 * of bench/tally.h, and timed. */
#ifndef SAGAD_BENCH_PROGRAMS_H
#define SAGAD_BENCH_PROGRAMS_H

#include <stdint.h>
#include <sys/types.h>

struct cluster;

enum { PROGRAMS_LINE_SIZE = 512 };

/* User and system time of a process so far, in seconds; 0 when it has gone. */
double programs_cpu_s(pid_t pid);

/* Waits until the process has said a line that begins with the word. 0; SAGA_E_TIMEOUT after a
 * sentence on stderr when it has not, or has ended before. */
int programs_hear(struct cluster *cluster, const char *name, const char *word, uint32_t timeout_ms,
		  char line[PROGRAMS_LINE_SIZE]);

/* Starts it under that name and waits until it is ready. */
int programs_start(struct cluster *cluster, const char *name, const char *const *argv);

#endif
