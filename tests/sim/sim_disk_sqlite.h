/* A disk in memory for SQLite, as one VFS for each machine. What is written is there for who reads,
 * and survives the death of the process; a power failure keeps what was synced, and of the rest
 * any sectors, whole or torn. Directory entries are as files: made durable by a sync. Reads,
 * writes, syncs and locks fail when they are told to.
 */
#ifndef SAGAD_TESTS_SIM_SIM_DISK_SQLITE_H
#define SAGAD_TESTS_SIM_SIM_DISK_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { SIM_DISK_FILES = 3, SIM_DISK_SECTOR = 512 };

struct sim_disk_image {
	bool exists;
	uint8_t *bytes;
	uint32_t size;
};

struct sim_disk_file {
	char name[24]; /* "" = free */
	struct sim_disk_image now, durable;
	uint32_t capacity;
	bool fresh;     /* not the file that the durable directory names */
	uint8_t *dirty; /* by sector: differs from what is durable */
	uint32_t dirty_capacity;
};

/* Per 10,000 calls. */
struct sim_disk_faults {
	uint32_t read, write, full, sync, busy;
};

struct sim_disk_counts {
	uint64_t read_failures, write_failures, full, short_writes, sync_failures, busy, syncs;
	uint64_t power_failures, lost_sectors, torn_sectors, undeleted;
};

/* All chance is the caller's. */
struct sim_disk_chance {
	uint64_t (*draw)(void *context, uint64_t bound);
	bool (*strikes)(void *context, uint32_t per_10000);
	void *context;
};

struct sim_disk {
	sqlite3_vfs vfs;
	char name[16];
	struct sim_disk_chance chance;
	struct sim_disk_file files[SIM_DISK_FILES];
	struct sim_disk_faults faults;
	struct sim_disk_counts counts;
	uint32_t busy_calls; /* locks that somebody else has, for so many calls */
	uint32_t dies_in;    /* changes until the power fails; 0 = it does not */
	bool dead;           /* nothing is heard or changed any more */
};

/* Registers the VFS under a name of its own; the disk must not move. */
void sim_disk_open(struct sim_disk *disk, uint32_t number, const struct sim_disk_chance *chance);
void sim_disk_close(struct sim_disk *disk);
/* Then it is dead, until sim_disk_start: handles are closed between the two. */
void sim_disk_fail(struct sim_disk *disk, bool power);
void sim_disk_start(struct sim_disk *disk);

#endif
