#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/plan_file.h"

static bool take_name(const json_t *object, const char *key, char text[65], bool may_be_empty)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (value == NULL || strlen(value) > 64 ||
	    (value[0] == '\0' ? !may_be_empty : !id_valid(slice_str(value))))
		return false;
	(void)snprintf(text, 65, "%s", value);
	return true;
}

static bool take_u32(const json_t *object, const char *key, uint32_t max, uint32_t *number)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > (json_int_t)max)
		return false;
	*number = (uint32_t)json_integer_value(value);
	return true;
}

static bool take_move(const json_t *object, struct plan_file *plan)
{
	const uint32_t at = plan->move_count;
	struct wire_admin_move *move = &plan->moves[at];

	if (at == WIRE_MOVES_MAX || !take_u32(object, "shard", WIRE_MOVES_MAX - 1, &move->shard) ||
	    !take_u32(object, "load", UINT32_MAX, &move->load) ||
	    !take_name(object, "from", plan->names[at][0], false) ||
	    !take_name(object, "to", plan->names[at][1], false))
		return false;
	move->from = slice_str(plan->names[at][0]);
	move->to = slice_str(plan->names[at][1]);
	plan->move_count++;
	return true;
}

static bool take_plan(const json_t *root, struct plan_file *plan)
{
	const json_t *moves = json_object_get(root, "moves");
	const json_t *version = json_object_get(root, "plan_version");
	const char *kind = json_string_value(json_object_get(root, "kind"));
	uint32_t schema = 0;
	size_t i;
	json_t *move;

	if (!take_u32(root, "schema_version", UINT32_MAX, &schema) ||
	    schema != JSON_SCHEMA_VERSION || kind == NULL || strlen(kind) >= sizeof plan->kind ||
	    !json_is_integer(version) || json_integer_value(version) <= 0 ||
	    !json_is_array(moves) || !take_name(root, "node", plan->node, true))
		return false;
	(void)snprintf(plan->kind, sizeof plan->kind, "%s", kind);
	plan->plan_version = (uint64_t)json_integer_value(version);
	json_array_foreach(moves, i, move)
	{
		if (!take_move(move, plan))
			return false;
	}
	return true;
}

int plan_file_read(const char *path, struct plan_file *plan, struct buf *why)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	int err = 0;

	memset(plan, 0, sizeof *plan);
	if (root == NULL) {
		(void)buf_printf(why, "%.200s: line %d: %s", path, error.line, error.text);
		return error.line < 0 ? SAGA_E_FILE : SAGA_E_USAGE;
	}
	if (!take_plan(root, plan)) {
		(void)buf_printf(why, "%.200s is not a plan that --out wrote", path);
		err = SAGA_E_USAGE;
	}
	json_decref(root);
	return err;
}

int plan_file_write(const char *path, struct slice text)
{
	FILE *file = fopen(path, "we");
	bool written;

	if (file == NULL)
		return SAGA_E_FILE;
	written = text.size == 0 || fwrite(text.data, 1, text.size, file) == text.size;
	return fclose(file) == 0 && written ? 0 : SAGA_E_FILE;
}
