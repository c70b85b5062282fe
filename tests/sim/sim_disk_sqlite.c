/* See sim_disk_sqlite.h. */
#include "tests/sim/sim_disk_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { GROW = 64 * 1024, SIZE_MAX_BYTES = 64 * 1024 * 1024, BUSY_CALLS_MAX = 200 };

struct handle {
	sqlite3_file base;
	struct sim_disk *disk;
	struct sim_disk_file *file;
};

static struct sim_disk *disk_of(sqlite3_vfs *vfs)
{
	return (struct sim_disk *)vfs->pAppData;
}

static struct handle *handle_of(sqlite3_file *base)
{
	return (struct handle *)base;
}

static uint64_t draw(struct sim_disk *disk, uint64_t bound)
{
	return disk->chance.draw(disk->chance.context, bound);
}

static bool strikes(struct sim_disk *disk, uint32_t rate)
{
	return rate > 0 && disk->chance.strikes(disk->chance.context, rate);
}

static uint32_t sectors(uint32_t size)
{
	return (size + SIM_DISK_SECTOR - 1) / SIM_DISK_SECTOR;
}

/* ---- images ------------------------------------------------------------------------------------
 */

static void make_room(struct sim_disk_file *file, uint32_t size)
{
	const uint32_t capacity = (size / GROW + 1) * GROW;

	if (size <= file->capacity)
		return;
	CHECK_LE(size, SIZE_MAX_BYTES);
	file->now.bytes = realloc(file->now.bytes, capacity);
	file->dirty = realloc(file->dirty, sectors(capacity));
	CHECK(file->now.bytes != NULL && file->dirty != NULL);
	memset(file->now.bytes + file->capacity, 0, capacity - file->capacity);
	memset(file->dirty + sectors(file->capacity), 0,
	       sectors(capacity) - sectors(file->capacity));
	file->capacity = capacity;
}

static void mark(struct sim_disk_file *file, uint32_t from, uint32_t to)
{
	if (to > from)
		memset(file->dirty + from / SIM_DISK_SECTOR, 1,
		       sectors(to) - from / SIM_DISK_SECTOR);
}

static void copy_image(struct sim_disk_image *to, const struct sim_disk_image *from)
{
	to->exists = from->exists;
	to->size = from->size;
	to->bytes = realloc(to->bytes, from->size + 1);
	CHECK(to->bytes != NULL);
	if (from->size > 0)
		memcpy(to->bytes, from->bytes, from->size);
}

/* Of all files at once: which there are. What is in a new one is another matter. */
static void sync_directory(struct sim_disk *disk)
{
	for (uint32_t i = 0; i < SIM_DISK_FILES; i++) {
		struct sim_disk_file *file = &disk->files[i];

		if (file->now.exists && !file->fresh)
			continue;
		file->durable.exists = file->now.exists;
		file->durable.size = 0;
		file->fresh = false;
		mark(file, 0, file->now.size);
	}
}

static void sync_bytes(struct sim_disk_file *file)
{
	struct sim_disk_image *durable = &file->durable;

	durable->bytes = realloc(durable->bytes, file->now.size + 1);
	CHECK(durable->bytes != NULL);
	durable->size = file->now.size;
	for (uint32_t i = 0; i < sectors(durable->size); i++) {
		const uint32_t at = i * SIM_DISK_SECTOR;
		const uint32_t left = durable->size - at;

		if (file->dirty[i])
			memcpy(durable->bytes + at, file->now.bytes + at,
			       left < SIM_DISK_SECTOR ? left : SIM_DISK_SECTOR);
	}
	if (file->capacity > 0)
		memset(file->dirty, 0, sectors(file->capacity));
}

static void set_now(struct sim_disk_file *file, const struct sim_disk_image *image)
{
	make_room(file, image->size);
	if (file->capacity > 0) {
		memset(file->now.bytes, 0, file->capacity);
		memset(file->dirty, 0, sectors(file->capacity));
	}
	if (image->size > 0)
		memcpy(file->now.bytes, image->bytes, image->size);
	file->now.size = image->size;
	file->now.exists = image->exists;
}

/* ---- the power fails ---------------------------------------------------------------------------
 */

/* What was appended may be there in part. A file that was cut is as long as before or as it is now:
 * to a file system that is one change, and SQLite commits by it where the journal is truncated. */
static uint32_t kept_size(struct sim_disk *disk, uint32_t durable, uint32_t now)
{
	if (durable == now)
		return now;
	switch (draw(disk, durable < now ? 3 : 2)) {
	case 0:
		return durable;
	case 1:
		return now;
	default:
		return durable + (uint32_t)draw(disk, now - durable);
	}
}

/* What is on the platter of one sector: what was there, what was written, or the beginning of it.
 */
static void keep_sector(struct sim_disk *disk, const struct sim_disk_image *before,
			const struct sim_disk_image *now, uint32_t at, struct sim_disk_image *kept)
{
	uint32_t written = SIM_DISK_SECTOR;

	switch (draw(disk, 5)) {
	case 0:
	case 1:
		return;
	case 2:
		disk->counts.lost_sectors++;
		written = 0;
		break;
	case 3:
		disk->counts.torn_sectors++;
		written = (uint32_t)draw(disk, SIM_DISK_SECTOR);
		break;
	default:
		break;
	}
	for (uint32_t i = at; i < at + SIM_DISK_SECTOR && i < kept->size; i++) {
		const bool is_new = i - at < written && i < now->size;

		if (!is_new)
			kept->bytes[i] = i < before->size ? before->bytes[i] : 0;
	}
}

static void fail_file(struct sim_disk *disk, struct sim_disk_file *file)
{
	const struct sim_disk_image nothing = {0};
	const struct sim_disk_image *before = file->fresh ? &nothing : &file->durable;
	struct sim_disk_image kept = {0};

	/* The directory names another file than the one that was worked with, or none. */
	if (!file->now.exists || file->fresh) {
		if (file->durable.exists != file->now.exists || file->fresh) {
			if (draw(disk, 2) == 0) {
				disk->counts.undeleted += file->durable.exists;
				set_now(file, &file->durable);
				file->fresh = false;
				return;
			}
		}
		if (!file->now.exists) {
			file->durable.exists = false;
			file->durable.size = 0;
			file->fresh = false;
			return;
		}
	}
	copy_image(&kept, &file->now);
	kept.size = kept_size(disk, before->size, file->now.size);
	kept.bytes = realloc(kept.bytes, kept.size + 1);
	CHECK(kept.bytes != NULL);
	if (kept.size > file->now.size)
		memcpy(kept.bytes + file->now.size, before->bytes + file->now.size,
		       kept.size - file->now.size);
	for (uint32_t i = 0; i < sectors(kept.size); i++)
		if (i * SIM_DISK_SECTOR >= file->now.size || file->fresh || file->dirty[i])
			keep_sector(disk, before, &file->now, i * SIM_DISK_SECTOR, &kept);
	set_now(file, &kept);
	copy_image(&file->durable, &kept);
	file->fresh = false;
	free(kept.bytes);
}

void sim_disk_fail(struct sim_disk *disk, bool power)
{
	if (disk->dead)
		return;
	disk->dead = true;
	disk->dies_in = 0;
	if (!power)
		return;
	disk->counts.power_failures++;
	for (uint32_t i = 0; i < SIM_DISK_FILES; i++)
		if (disk->files[i].name[0] != '\0')
			fail_file(disk, &disk->files[i]);
}

void sim_disk_start(struct sim_disk *disk)
{
	disk->dead = false;
	disk->dies_in = 0;
	disk->busy_calls = 0;
}

/* A change is about to be made. False: the power fails before it. */
static bool goes_on(struct sim_disk *disk)
{
	if (disk->dead)
		return false;
	if (disk->dies_in == 0 || --disk->dies_in > 0)
		return true;
	sim_disk_fail(disk, true);
	return false;
}

/* ---- files -------------------------------------------------------------------------------------
 */

static int file_close(sqlite3_file *base)
{
	(void)base;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset)
{
	struct handle *h = handle_of(base);
	const struct sim_disk_image *now = &h->file->now;
	const uint32_t size = (uint32_t)amount, from = (uint32_t)offset;
	const uint32_t there = from >= now->size ? 0 : now->size - from;

	if (h->disk->dead)
		return SQLITE_IOERR_READ;
	if (strikes(h->disk, h->disk->faults.read)) {
		h->disk->counts.read_failures++;
		return SQLITE_IOERR_READ;
	}
	if (there >= size) {
		memcpy(out, now->bytes + from, size);
		return SQLITE_OK;
	}
	if (there > 0)
		memcpy(out, now->bytes + from, there);
	memset((uint8_t *)out + there, 0, size - there);
	return SQLITE_IOERR_SHORT_READ;
}

static void change(struct sim_disk_file *file, const void *data, uint32_t size, uint32_t at)
{
	const uint32_t before = file->now.size;

	if (size == 0)
		return;
	make_room(file, at + size);
	memcpy(file->now.bytes + at, data, size);
	mark(file, at < before ? at : before, at + size);
	if (at + size > before)
		file->now.size = at + size;
}

static int file_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
	struct handle *h = handle_of(base);
	struct sim_disk *disk = h->disk;
	const uint32_t size = (uint32_t)amount, at = (uint32_t)offset;

	CHECK_LE(offset + amount, SIZE_MAX_BYTES);
	if (!goes_on(disk))
		return SQLITE_IOERR_WRITE;
	if (strikes(disk, disk->faults.write)) {
		disk->counts.write_failures++;
		if (draw(disk, 2) == 0)
			return SQLITE_IOERR_WRITE;
		disk->counts.short_writes++;
		change(h->file, data, (uint32_t)draw(disk, size), at);
		return SQLITE_IOERR_WRITE;
	}
	if (strikes(disk, disk->faults.full)) {
		disk->counts.full++;
		change(h->file, data, (uint32_t)draw(disk, size), at);
		return SQLITE_FULL;
	}
	change(h->file, data, size, at);
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct handle *h = handle_of(base);
	struct sim_disk_file *file = h->file;
	const uint32_t to = (uint32_t)size, from = file->now.size;

	if (!goes_on(h->disk))
		return SQLITE_IOERR_TRUNCATE;
	if (strikes(h->disk, h->disk->faults.write)) {
		h->disk->counts.write_failures++;
		return SQLITE_IOERR_TRUNCATE;
	}
	make_room(file, to);
	if (to < from)
		memset(file->now.bytes + to, 0, from - to);
	mark(file, to < from ? to : from, to < from ? from : to);
	file->now.size = to;
	return SQLITE_OK;
}

/* What could not be synced may be on the disk, or not; nobody will try again. */
static int file_sync(sqlite3_file *base, int flags)
{
	struct handle *h = handle_of(base);

	(void)flags;
	if (!goes_on(h->disk))
		return SQLITE_IOERR_FSYNC;
	if (strikes(h->disk, h->disk->faults.sync)) {
		h->disk->counts.sync_failures++;
		return SQLITE_IOERR_FSYNC;
	}
	h->disk->counts.syncs++;
	if (h->file->fresh)
		sync_directory(h->disk);
	sync_bytes(h->file);
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	*size = handle_of(base)->file->now.size;
	return SQLITE_OK;
}

/* Another process may have it for a while. */
static int file_lock(sqlite3_file *base, int level)
{
	struct sim_disk *disk = handle_of(base)->disk;

	(void)level;
	if (disk->dead)
		return SQLITE_IOERR_LOCK;
	if (disk->busy_calls == 0 && strikes(disk, disk->faults.busy))
		disk->busy_calls = 1 + (uint32_t)draw(disk, BUSY_CALLS_MAX);
	if (disk->busy_calls == 0)
		return SQLITE_OK;
	disk->busy_calls--;
	disk->counts.busy++;
	return SQLITE_BUSY;
}

static int file_unlock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *held)
{
	(void)base;
	*held = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
	(void)base;
	return SIM_DISK_SECTOR;
}

static int file_traits(sqlite3_file *base)
{
	(void)base;
	return 0;
}

/* ---- the file system ---------------------------------------------------------------------------
 */

static struct sim_disk_file *find(struct sim_disk *disk, const char *name, bool create)
{
	struct sim_disk_file *room = NULL;

	for (uint32_t i = 0; i < SIM_DISK_FILES; i++) {
		if (strcmp(disk->files[i].name, name) == 0)
			return &disk->files[i];
		if (room == NULL && disk->files[i].name[0] == '\0')
			room = &disk->files[i];
	}
	if (!create)
		return NULL;
	CHECK(room != NULL);
	CHECK_LT(strlen(name), sizeof room->name);
	(void)snprintf(room->name, sizeof room->name, "%s", name);
	return room;
}

static void create(struct sim_disk_file *file)
{
	const struct sim_disk_image empty = {.exists = true};

	set_now(file, &empty);
	file->fresh = true;
}

static int disk_open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
			  int *out_flags)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 1,
		.xClose = file_close,
		.xRead = file_read,
		.xWrite = file_write,
		.xTruncate = file_truncate,
		.xSync = file_sync,
		.xFileSize = file_size,
		.xLock = file_lock,
		.xUnlock = file_unlock,
		.xCheckReservedLock = file_reserved,
		.xFileControl = file_control,
		.xSectorSize = file_sector,
		.xDeviceCharacteristics = file_traits,
	};
	struct handle *h = handle_of(base);
	struct sim_disk *disk = disk_of(vfs);

	base->pMethods = NULL;
	CHECK(name != NULL); /* nothing is large enough to spill */
	if (disk->dead)
		return SQLITE_CANTOPEN;
	*h = (struct handle){.disk = disk,
			     .file = find(disk, name, (flags & SQLITE_OPEN_CREATE) != 0)};
	if (h->file == NULL || (!h->file->now.exists && (flags & SQLITE_OPEN_CREATE) == 0))
		return SQLITE_CANTOPEN;
	if (!h->file->now.exists) {
		if (!goes_on(disk))
			return SQLITE_CANTOPEN;
		create(h->file);
	}
	base->pMethods = &methods;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int and_sync)
{
	struct sim_disk *disk = disk_of(vfs);
	struct sim_disk_file *file = find(disk, name, false);
	const struct sim_disk_image none = {0};

	if (!goes_on(disk))
		return SQLITE_IOERR_DELETE;
	if (file == NULL || !file->now.exists)
		return SQLITE_IOERR_DELETE_NOENT;
	if (strikes(disk, disk->faults.write)) {
		disk->counts.write_failures++;
		return SQLITE_IOERR_DELETE;
	}
	set_now(file, &none);
	file->fresh = false;
	if (and_sync != 0)
		sync_directory(disk);
	return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	struct sim_disk *disk = disk_of(vfs);
	const struct sim_disk_file *file = find(disk, name, false);

	if (disk->dead)
		return SQLITE_IOERR_ACCESS;
	*result = file != NULL && file->now.exists &&
		  (flags != SQLITE_ACCESS_EXISTS || file->now.size > 0);
	return SQLITE_OK;
}

static int disk_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	(void)snprintf(out, (size_t)size, "%s", name);
	return SQLITE_OK;
}

/* The same each time: no story depends on it. */
static int disk_random(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	memset(out, 7, (size_t)size);
	return size;
}

static int disk_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int disk_now(sqlite3_vfs *vfs, double *days)
{
	(void)vfs;
	*days = 2460000.5;
	return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	(void)size;
	(void)out;
	return 0;
}

void sim_disk_open(struct sim_disk *disk, uint32_t number, const struct sim_disk_chance *chance)
{
	*disk = (struct sim_disk){.chance = *chance};
	(void)snprintf(disk->name, sizeof disk->name, "sim-%u", number);
	disk->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct handle),
		.mxPathname = 64,
		.zName = disk->name,
		.pAppData = disk,
		.xOpen = disk_open_file,
		.xDelete = disk_delete,
		.xAccess = disk_access,
		.xFullPathname = disk_full_name,
		.xRandomness = disk_random,
		.xSleep = disk_sleep,
		.xCurrentTime = disk_now,
		.xGetLastError = disk_last_error,
	};
	CHECK_EQ(sqlite3_vfs_register(&disk->vfs, 1), SQLITE_OK);
	sqlite3_randomness(0, NULL); /* begins anew, with ours */
}

void sim_disk_close(struct sim_disk *disk)
{
	CHECK_EQ(sqlite3_vfs_unregister(&disk->vfs), SQLITE_OK);
	for (uint32_t i = 0; i < SIM_DISK_FILES; i++) {
		free(disk->files[i].now.bytes);
		free(disk->files[i].durable.bytes);
		free(disk->files[i].dirty);
	}
}
