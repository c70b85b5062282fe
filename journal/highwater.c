/* The file `<folder>/shard-<n>.highwater`, little-endian:
 *   0  magic "SAGW"   4
 *   4  format         u32  (1)
 *   8  shard          u32
 *  12  reserved       u32  zero
 *  16  epoch          u64
 *  24  sequence       u64
 *  32  batch hash     16
 *  48  cluster id     64   zero-padded
 * 112  reserved       12   zeros
 * 124  CRC32C         u32  over the bytes before it
 */
#include "journal/highwater.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os_log.h"

enum {
	FILE_SIZE = 128,
	FILE_FORMAT = 1,
	AT_FORMAT = 4,
	AT_SHARD = 8,
	AT_EPOCH = 16,
	AT_SEQUENCE = 24,
	AT_HASH = 32,
	AT_CLUSTER = 48,
	AT_CRC = 124,
	PATH_SIZE_MAX = 4096,
};

static void put_le(uint8_t *at, uint64_t value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *at, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void encode(uint8_t bytes[FILE_SIZE], const struct id *cluster, uint32_t shard,
		   const struct highwater *mark)
{
	memset(bytes, 0, FILE_SIZE);
	memcpy(bytes, "SAGW", 4);
	put_le(bytes + AT_FORMAT, FILE_FORMAT, 4);
	put_le(bytes + AT_SHARD, shard, 4);
	put_le(bytes + AT_EPOCH, mark->epoch, 8);
	put_le(bytes + AT_SEQUENCE, mark->sequence, 8);
	memcpy(bytes + AT_HASH, mark->hash.bytes, sizeof mark->hash.bytes);
	memcpy(bytes + AT_CLUSTER, cluster->text, cluster->size);
	put_le(bytes + AT_CRC, hash_crc32c(0, bytes, AT_CRC), 4);
}

static int decode(const uint8_t bytes[FILE_SIZE], const struct id *cluster, uint32_t shard,
		  struct highwater *mark)
{
	char name[ID_SIZE_MAX] = {0};

	if (memcmp(bytes, "SAGW", 4) != 0 || get_le(bytes + AT_FORMAT, 4) != FILE_FORMAT ||
	    get_le(bytes + AT_CRC, 4) != hash_crc32c(0, bytes, AT_CRC))
		return SAGA_E_JOURNAL_CORRUPT;
	memcpy(name, cluster->text, cluster->size);
	if (memcmp(bytes + AT_CLUSTER, name, sizeof name) != 0)
		return SAGA_E_CLUSTER_MISMATCH;
	/* A file that was copied under another shard's name says nothing about this one. */
	if (get_le(bytes + AT_SHARD, 4) != shard)
		return SAGA_E_JOURNAL_CORRUPT;
	mark->epoch = get_le(bytes + AT_EPOCH, 8);
	mark->sequence = get_le(bytes + AT_SEQUENCE, 8);
	memcpy(mark->hash.bytes, bytes + AT_HASH, sizeof mark->hash.bytes);
	return 0;
}

static int file_error(const char *what, const char *path)
{
	LOG(LOG_ERROR, "highwater.file", log_str("what", what), log_str("path", path),
	    log_str("why", strerrordesc_np(errno)), log_code(SAGA_E_FILE));
	return SAGA_E_FILE;
}

static int make_path(char path[PATH_SIZE_MAX], const char *folder, uint32_t shard,
		     const char *suffix)
{
	const int size =
		snprintf(path, PATH_SIZE_MAX, "%s/shard-%u.highwater%s", folder, shard, suffix);

	return size > 0 && size < PATH_SIZE_MAX ? 0 : SAGA_E_FILE;
}

/* Reads the whole file and one byte more, so that a longer one shows. */
static int read_all(int file, uint8_t *bytes, size_t size, size_t *got)
{
	*got = 0;
	while (*got < size) {
		const ssize_t n = read(file, bytes + *got, size - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SAGA_E_FILE;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

static int write_all(int file, const uint8_t *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const ssize_t n = write(file, bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return SAGA_E_FILE;
		done += (size_t)n;
	}
	return 0;
}

int highwater_load(const char *folder, const struct id *cluster, uint32_t shard,
		   struct highwater *mark)
{
	char path[PATH_SIZE_MAX];
	uint8_t bytes[FILE_SIZE + 1];
	size_t got = 0;
	int file, rc;

	CHECK_LT(0, cluster->size);
	*mark = (struct highwater){0};
	if (make_path(path, folder, shard, "") != 0)
		return SAGA_E_FILE;
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? 0 : file_error("open", path);
	rc = read_all(file, bytes, sizeof bytes, &got);
	if (rc != 0)
		rc = file_error("read", path);
	else
		rc = got == FILE_SIZE ? decode(bytes, cluster, shard, mark)
				      : SAGA_E_JOURNAL_CORRUPT;
	(void)close(file);
	return rc;
}

static int sync_folder(const char *folder)
{
	const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (file < 0)
		return file_error("open", folder);
	if (fsync(file) != 0)
		rc = file_error("fsync", folder);
	(void)close(file);
	return rc;
}

static int write_temporary(const char *path, const uint8_t *bytes, size_t size)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = 0;

	if (file < 0)
		return file_error("open", path);
	if (write_all(file, bytes, size) != 0)
		rc = file_error("write", path);
	else if (fsync(file) != 0)
		rc = file_error("fsync", path);
	if (close(file) != 0 && rc == 0)
		rc = file_error("close", path);
	return rc;
}

int highwater_store(const char *folder, const struct id *cluster, uint32_t shard,
		    const struct highwater *mark)
{
	char path[PATH_SIZE_MAX], temporary[PATH_SIZE_MAX];
	uint8_t bytes[FILE_SIZE];
	int rc;

	CHECK_LT(0, cluster->size);
	CHECK_LE(cluster->size, ID_SIZE_MAX);
	if (make_path(path, folder, shard, "") != 0 ||
	    make_path(temporary, folder, shard, ".tmp") != 0)
		return SAGA_E_FILE;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return file_error("mkdir", folder);
	encode(bytes, cluster, shard, mark);
	/* What a crash left under the temporary name is overwritten; it never counts. */
	rc = write_temporary(temporary, bytes, sizeof bytes);
	if (rc != 0)
		return rc;
	if (rename(temporary, path) != 0)
		return file_error("rename", path);
	return sync_folder(folder);
}
