/* Runs a target over known inputs and some mutations of them: the same in every run, and with any
 * compiler. `fuzz-replay-<target> [--mutations N] <file or folder>...`
 *
 * An input that ends the process is left behind as "finding-<target>" in the working folder. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 64 * 1024, INPUTS_MAX = 4096, ROUNDS_MAX = 4 };

__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
						     unsigned int seed);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
	uint8_t *data;
	size_t size;
};

static struct {
	struct input inputs[INPUTS_MAX];
	uint32_t count;
	struct prng prng;
	uint8_t current[INPUT_MAX];
	size_t size;
} replay;

/* Only what may be called in a signal handler. */
static void leave_finding(void)
{
	static const char name[] = "finding-" FUZZ_TARGET;
	static const char told[] = "the input is in the file finding-" FUZZ_TARGET "\n";
	const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (file < 0 || write(file, replay.current, replay.size) != (ssize_t)replay.size)
		return;
	(void)close(file);
	if (write(STDERR_FILENO, told, sizeof told - 1) < 0)
		return;
}

static void on_signal(int number)
{
	leave_finding();
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void run(const uint8_t *data, size_t size)
{
	/* Exactly sized memory: a sanitizer sees each byte read beyond the end. */
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	CHECK(copy != NULL);
	memcpy(replay.current, data, size);
	replay.size = size;
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	struct prng *p = &replay.prng;
	const size_t at = size == 0 ? 0 : (size_t)prng_below(p, size);
	const struct input *other = &replay.inputs[prng_below(p, replay.count)];
	size_t length;

	switch (size == 0 ? 3 : prng_below(p, 5)) {
	case 0:
		data[at] ^= (uint8_t)(1U << prng_below(p, 8));
		return size;
	case 1:
		data[at] = (uint8_t)prng_next(p);
		return size;
	case 2: /* a piece out */
		length = (size_t)prng_below(p, size - at) / 4 + 1;
		memmove(data + at, data + at + length, size - at - length);
		return size - length;
	case 3: /* a byte in */
		if (size == max_size)
			return size;
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)prng_next(p);
		return size + 1;
	default: /* a piece of another one over this one */
		length = size - at < other->size ? size - at : other->size;
		length = (size_t)prng_below(p, length + 1);
		if (length > 0)
			memcpy(data + at, other->data + other->size - length, length);
		return size;
	}
}

static void mutate(uint32_t count)
{
	static uint8_t data[INPUT_MAX];

	for (uint32_t i = 0; i < count; i++) {
		const struct input *input = &replay.inputs[prng_below(&replay.prng, replay.count)];
		size_t size = input->size;

		memcpy(data, input->data, size);
		for (uint64_t n = 1 + prng_below(&replay.prng, ROUNDS_MAX); n > 0; n--) {
			const unsigned int seed = (unsigned int)prng_next(&replay.prng);

			size = LLVMFuzzerCustomMutator != NULL
				       ? LLVMFuzzerCustomMutator(data, size, sizeof data, seed)
				       : LLVMFuzzerMutate(data, size, sizeof data);
			CHECK(size <= sizeof data);
		}
		run(data, size);
	}
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void read_file(const char *path)
{
	static uint8_t data[INPUT_MAX + 1];
	FILE *file = fopen(path, "re");
	struct input *input;
	size_t size;

	if (file == NULL || replay.count == INPUTS_MAX) {
		(void)fprintf(stderr, "cannot use %s\n", path);
		exit(1);
	}
	size = fread(data, 1, sizeof data, file);
	(void)fclose(file);
	if (size > INPUT_MAX) {
		(void)fprintf(stderr, "%s is too large\n", path);
		exit(1);
	}
	input = &replay.inputs[replay.count++];
	input->data = malloc(size == 0 ? 1 : size);
	input->size = size;
	CHECK(input->data != NULL);
	memcpy(input->data, data, size);
}

/* In the order of their names, so that every machine does the same. */
static void read_folder(const char *path)
{
	struct dirent **entries = NULL;
	char file[4096];
	const int count = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		(void)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			read_file(file);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	uint32_t mutations = 0;
	struct stat info;

	(void)LLVMFuzzerInitialize(&argc, &argv);
	(void)signal(SIGABRT, on_signal);
	(void)signal(SIGALRM, on_signal);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(leave_finding);
	else
		(void)signal(SIGSEGV, on_signal);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
			mutations = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
			read_folder(argv[i]);
		else
			read_file(argv[i]);
	}
	if (replay.count == 0) {
		(void)fprintf(stderr, "no inputs\n");
		return 1;
	}
	prng_seed(&replay.prng, 4711);
	for (uint32_t i = 0; i < replay.count; i++)
		run(replay.inputs[i].data, replay.inputs[i].size);
	mutate(mutations);
	(void)printf("%u inputs and %u mutations of them\n", replay.count, mutations);
	for (uint32_t i = 0; i < replay.count; i++)
		free(replay.inputs[i].data);
	return 0;
}
