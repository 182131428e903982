#include "tools/sekisho/say.h"

#include "base/descriptor.h"
#include "tools/sekisho/command.h"

#include <errno.h>
#include <unistd.h>

#define SENTENCE_MAX 16384u

static const char *self = "sekisho";

void say_as(const char *name)
{
	self = name;
}

void say_to(int fd, struct view octets)
{
	if (descriptor_write_all(fd, octets) != ERROR_NONE)
		return; /* nobody is left to tell it to */
}

void say_octets(struct view octets)
{
	if (descriptor_write_all(STDOUT_FILENO, octets) != ERROR_NONE) {
		say_trouble("what was to be printed cannot be written");
		_exit(EXIT_IO);
	}
}

void say_trouble_args(const char *format, const struct text_arg *args)
{
	struct buffer b = buffer_new(SENTENCE_MAX);
	text_add(&b, "{}: ", text_string(self));
	text_add_args(&b, format, args);
	buffer_add_octet(&b, '\n');
	say_to(STDERR_FILENO, buffer_view(&b));
	buffer_free(&b);
}

void say_args(const char *format, const struct text_arg *args)
{
	struct buffer b = buffer_new(SENTENCE_MAX);
	text_add_args(&b, format, args);
	buffer_add_octet(&b, '\n');
	say_octets(buffer_view(&b));
	buffer_free_secret(&b); /* it may have been a password */
}
