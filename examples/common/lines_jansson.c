#include "examples/common/lines_jansson.h"

#include <stdio.h>
#include <stdlib.h>

bool lines_read(const char *file, uint32_t max, bool (*take)(void *context, const json_t *root),
		void *context, char *why, uint32_t why_size)
{
	FILE *stream = fopen(file, "re");
	char *line = NULL;
	size_t capacity = 0;
	uint32_t count = 0;
	bool good = stream != NULL;

	while (good && (max == 0 || count < max)) {
		const ssize_t size = getline(&line, &capacity, stream);
		json_t *root = NULL;

		if (size <= 0)
			break;
		count++;
		root = json_loadb(line, (size_t)size, 0, NULL);
		good = json_is_object(root) && take(context, root);
		json_decref(root);
	}
	if (!good || count == 0)
		(void)snprintf(why, why_size, "%s:%u: cannot be used", file, count);
	free(line);
	if (stream != NULL)
		(void)fclose(stream);
	return good && count > 0;
}

const char *lines_text(const json_t *root, const char *key)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text == NULL ? "" : text;
}
