/* Impure: random bytes from the kernel. */
#ifndef SAGAD_BASE_OS_ENTROPY_H
#define SAGAD_BASE_OS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

void os_entropy(void *bytes, size_t size); /* aborts when the kernel has none */
uint64_t os_entropy_u64(void);

#endif
