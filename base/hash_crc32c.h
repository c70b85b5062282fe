/* The two ways to the same CRC32C, for the tests; everybody else calls hash_crc32c. */
#ifndef SAGAD_BASE_HASH_CRC32C_H
#define SAGAD_BASE_HASH_CRC32C_H

#include <stdbool.h>
#include <stdint.h>

uint32_t hash_crc32c_table(uint32_t crc, const void *data, uint32_t size);
bool hash_crc32c_machine_available(void);
/* Only when available. */
uint32_t hash_crc32c_machine(uint32_t crc, const void *data, uint32_t size);

#endif
