/* Impure: clocks. Only node/loop, client, cli, tests and adapters may include this. */
#ifndef SAGAD_BASE_OS_CLOCK_H
#define SAGAD_BASE_OS_CLOCK_H

#include <stdint.h>

uint64_t os_clock_wall_ms(void); /* CLOCK_REALTIME, Unix time */
uint64_t os_clock_mono_ns(void); /* CLOCK_MONOTONIC */
uint64_t os_clock_boot_ns(void); /* CLOCK_BOOTTIME: goes on through suspend (S28) */

#endif
