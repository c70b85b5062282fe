#include "lease/etcd_frames.h"

void etcd_frames_init(struct etcd_frames *f, uint32_t frame_size_max)
{
	*f = (struct etcd_frames){0};
	buf_init(&f->frame, frame_size_max);
}

void etcd_frames_close(struct etcd_frames *f)
{
	buf_close(&f->frame);
}

void etcd_frames_reset(struct etcd_frames *f)
{
	buf_clear(&f->frame);
	f->depth = 0;
	f->in_string = false;
	f->escaped = false;
	f->complete = false;
}

static bool etcd_is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* True when this byte closes the outermost object. */
static bool etcd_frames_byte(struct etcd_frames *f, uint8_t c)
{
	if (f->in_string) {
		if (f->escaped)
			f->escaped = false;
		else if (c == '\\')
			f->escaped = true;
		else if (c == '"')
			f->in_string = false;
		return false;
	}
	if (c == '"')
		f->in_string = true;
	else if (c == '{')
		f->depth++;
	else if (c == '}')
		return --f->depth == 0;
	return false;
}

int etcd_frames_next(struct etcd_frames *f, struct slice *input, struct slice *frame)
{
	uint32_t used = 0;
	bool done = false;

	if (f->complete)
		etcd_frames_reset(f);
	while (f->depth == 0 && input->size > 0 && input->data[0] != '{') {
		if (!etcd_is_space(input->data[0]))
			return SAGA_E_BAD_REPLY;
		*input = slice_of(input->data + 1, input->size - 1);
	}
	while (used < input->size && !done)
		done = etcd_frames_byte(f, input->data[used++]);
	if (used > 0 && buf_put(&f->frame, input->data, used) != 0)
		return buf_error(&f->frame);
	*input = slice_of(input->data + used, input->size - used);
	if (!done)
		return 0;
	f->complete = true;
	*frame = buf_slice(&f->frame);
	return 1;
}
