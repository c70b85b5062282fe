#include "wire/pack_msgpack.h"

#include <msgpack.h>

static int write_to_buf(void *data, const char *bytes, size_t size)
{
	/* A message is far below 4 GiB, so the cast loses nothing. */
	return buf_put(data, bytes, (uint32_t)size) == 0 ? 0 : -1;
}

static msgpack_packer packer_on(struct buf *out)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, out, write_to_buf);
	return packer;
}

/* Most numbers are keys of fields: one byte that is its own value, not worth a packer. */
enum { PACK_SMALL_MAX = 127 };

void wire_pack_unsigned(struct buf *out, uint64_t value)
{
	if (value <= PACK_SMALL_MAX) {
		const uint8_t byte = (uint8_t)value;
		(void)buf_put(out, &byte, sizeof byte); /* remembered by the buffer */
		return;
	}
	msgpack_packer packer = packer_on(out);
	msgpack_pack_uint64(&packer, value);
}

void wire_pack_bool(struct buf *out, bool value)
{
	msgpack_packer packer = packer_on(out);
	if (value)
		msgpack_pack_true(&packer);
	else
		msgpack_pack_false(&packer);
}

void wire_pack_str(struct buf *out, struct slice text)
{
	msgpack_packer packer = packer_on(out);
	msgpack_pack_str(&packer, text.size);
	if (text.size > 0)
		msgpack_pack_str_body(&packer, text.data, text.size);
}

void wire_pack_bin(struct buf *out, struct slice bytes)
{
	msgpack_packer packer = packer_on(out);
	msgpack_pack_bin(&packer, bytes.size);
	if (bytes.size > 0)
		msgpack_pack_bin_body(&packer, bytes.data, bytes.size);
}

void wire_pack_array(struct buf *out, uint32_t count)
{
	msgpack_packer packer = packer_on(out);
	msgpack_pack_array(&packer, count);
}

void wire_pack_map(struct buf *out, uint32_t count)
{
	msgpack_packer packer = packer_on(out);
	msgpack_pack_map(&packer, count);
}
