#include "config/gatestore.h"

#include "base/text.h"

#define SCHEME VIEW("redis://")

static bool is_path(struct view path)
{
	struct view part;
	if (!view_starts(path, VIEW("/")) || path.length > GATESTORE_PATH_MAX ||
		!view_is_printable(path, false) || view_ends(path, VIEW("/")))
		return false;
	path = view_from(path, 1);
	while (path.length) {
		(void)view_split(path, '/', &part, &path);
		if (!part.length || view_equal(part, VIEW(".")) || view_equal(part, VIEW("..")))
			return false;
	}
	return true;
}

static bool take_database(struct view text, uint32_t *database_out)
{
	return view_to_u32(text, GATESTORE_DATABASE_MAX, database_out);
}

/* "192.0.2.5", "[2001:db8::5]" or "localhost", and what stands behind it. */
static bool take_host(struct view text, struct ip *address_out, struct view *rest_out)
{
	size_t end = view_find(text, ':');
	struct view host;
	if (view_starts(text, VIEW("["))) {
		end = view_find(text, ']');
		if (end == VIEW_NOT_FOUND)
			return false;
		host = view_part(text, 1, end - 1);
		*rest_out = view_from(text, end + 1);
		return ip_parse(host, address_out) && !ip_is_v4(address_out);
	}
	host = end == VIEW_NOT_FOUND ? text : view_first(text, end);
	*rest_out = view_from(text, host.length);
	if (view_equal_nocase(host, VIEW("localhost")))
		host = VIEW("127.0.0.1");
	return ip_parse(host, address_out) && ip_is_v4(address_out);
}

static bool take_tcp(struct view text, struct gatestore *s)
{
	struct view host;
	struct view database;
	struct view port;
	uint32_t n = GATESTORE_PORT;
	s->kind = GATESTORE_TCP;
	if (view_split(text, '/', &host, &database) && database.length &&
		!take_database(database, &s->database))
		return false;
	if (!take_host(host, &s->address, &port))
		return false;
	if (port.length && (!view_starts(port, VIEW(":")) ||
				   !view_to_u32(view_from(port, 1), 65535, &n) || !n))
		return false;
	s->port = (uint16_t)n;
	return true;
}

static bool take_socket(struct view text, struct gatestore *s)
{
	struct view database;
	s->kind = GATESTORE_SOCKET;
	if (view_split(text, '?', &s->path, &database) && !take_database(database, &s->database))
		return false;
	return is_path(s->path);
}

bool gatestore_parse(struct view text, struct gatestore *store_out)
{
	*store_out = (struct gatestore){0};
	if (view_starts(text, VIEW("/"))) {
		store_out->kind = GATESTORE_DIRECTORY;
		store_out->path =
			view_ends(text, VIEW("/")) ? view_first(text, text.length - 1) : text;
		return is_path(store_out->path);
	}
	if (!view_starts(text, SCHEME))
		return false;
	text = view_from(text, SCHEME.length);
	return view_starts(text, VIEW("/")) ? take_socket(text, store_out)
					    : take_tcp(text, store_out);
}

bool gatestore_is_redis(const struct gatestore *store)
{
	return store->kind == GATESTORE_TCP || store->kind == GATESTORE_SOCKET;
}

void gatestore_add(struct buffer *b, const struct gatestore *s)
{
	switch (s->kind) {
	case GATESTORE_OWN:
		return;
	case GATESTORE_DIRECTORY:
		buffer_add(b, s->path);
		return;
	case GATESTORE_TCP:
		buffer_add(b, SCHEME);
		text_add(b, "{}", text_string(ip_is_v4(&s->address) ? "" : "["));
		ip_add(b, &s->address);
		text_add(b, "{}:{}/{}", text_string(ip_is_v4(&s->address) ? "" : "]"),
			text_number(s->port), text_number(s->database));
		return;
	case GATESTORE_SOCKET:
		text_add(b, "redis://{}?{}", text_raw(s->path), text_number(s->database));
		return;
	}
}

bool gatestore_login_parse(struct view text, struct view *user_out, struct view *password_out)
{
	struct view rest;
	text = view_trim(text);
	if (!view_split(text, ' ', user_out, &rest)) {
		*user_out = VIEW_NONE;
		*password_out = text;
	} else {
		*password_out = view_trim(rest);
	}
	return password_out->length > 0 && password_out->length <= GATESTORE_WORD_MAX &&
	       user_out->length <= GATESTORE_WORD_MAX && view_is_printable(*password_out, false) &&
	       view_is_printable(*user_out, false);
}
