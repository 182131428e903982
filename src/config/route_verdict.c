#include "config/route_verdict.h"

struct view route_say_args(
	struct arena *a, const char *fallback, const char *format, const struct text_arg *args)
{
	struct buffer b = buffer_new(ROUTE_TEXT_MAX);
	struct view text;
	text_add_args(&b, format, args);
	/* A name too long to repeat, or an arena at its cap: the plain sentence will do. */
	if (buffer_failed(&b) || !arena_copy(a, buffer_view(&b), &text))
		text = view_text(fallback);
	buffer_free(&b);
	return text;
}

struct route_verdict route_allow(const char *rule, uint16_t code, const char *enhanced)
{
	return (struct route_verdict){.accepted = true,
		.code = code,
		.enhanced = enhanced,
		.text = VIEW("ok"),
		.rule = view_text(rule)};
}

struct route_verdict route_refuse(
	const char *rule, uint16_t code, const char *enhanced, struct view text)
{
	return (struct route_verdict){
		.code = code, .enhanced = enhanced, .text = text, .rule = view_text(rule)};
}

struct domain route_main_domain(const struct snapshot *s)
{
	return view_is_empty(s->first_domain.name) ? s->servername : s->first_domain;
}

static bool is_unset(const struct ip *ip)
{
	const struct ip none = {{0}};
	return ip_equal(ip, &none);
}

bool route_is_own(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path)
{
	if (path->is_literal)
		return !is_unset(&facts->local) && ip_equal(&path->literal, &facts->local);
	if (view_is_empty(path->domain.name))
		return view_equal_nocase(path->local_plain, VIEW("postmaster"));
	return snapshot_has_domain(s, path->domain);
}

enum route_owner route_owner_of(
	const struct snapshot *s, const struct route_facts *facts, const struct address *path)
{
	if (route_is_own(s, facts, path))
		return ROUTE_OWNER_SITE;
	return !path->is_literal && snapshot_find_backup(s, path->domain) ? ROUTE_OWNER_BACKED_UP
									  : ROUTE_OWNER_ELSEWHERE;
}
