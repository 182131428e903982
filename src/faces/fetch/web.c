#include "faces/fetch/web.h"

#include "base/log.h"
#include "base/text.h"

#include <curl/curl.h>

#define CONNECT_MS 20000L /* monotonic: to reach one of the addresses, and TLS */
#define SECOND_MS 1000u
#define LINE_MAX_OCTETS 2048u
#define PORT "443"

struct web_job {
	struct web *web;
	struct web_get *get;
	struct web_job *next; /* of those that wait */
	CURL *easy;
	struct curl_slist *addresses;
	struct buffer octets;
	bool is_long;
	bool runs;
	char trouble[CURL_ERROR_SIZE];
};

struct web {
	struct loop *loop;
	CURLM *multi;
	struct timer *timer; /* libcurl's */
	struct timer *turn; /* for those that wait */
	struct buffer authorities;
	struct web_job *first;
	struct web_job **last_next;
	uint32_t count;
	uint32_t running;
	uint64_t second_ms; /* when the present second began */
	uint32_t begun; /* in it */
};

static void take_ended(struct web *web);
static void start_some(struct web *web);

/* --- libcurl's sockets and time ----------------------------------------------------------- */

static void step(struct web *web, curl_socket_t fd, int what)
{
	int running;
	curl_multi_socket_action(web->multi, fd, what, &running);
	take_ended(web);
	start_some(web);
}

/* A socket of libcurl's on our loop. */
struct web_socket {
	struct web *web;
	struct watch *watch;
	curl_socket_t fd;
};

static void on_ready(void *context, unsigned what)
{
	const struct web_socket *s = context;
	step(s->web, s->fd,
		(what & WATCH_READ ? CURL_CSELECT_IN : 0) |
			(what & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *of_socket)
{
	struct web *web = context;
	struct web_socket *s = of_socket;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			watch_free(&s->watch);
		memory_free(s);
		return 0;
	}
	if (!s) {
		s = memory_new(1, sizeof *s);
		*s = (struct web_socket){.web = web, .fd = fd};
		s->watch = watch_new(web->loop, fd, on_ready, s);
		curl_multi_assign(web->multi, fd, s);
	}
	watch_want(s->watch, (what & CURL_POLL_IN ? WATCH_READ : 0u) |
				     (what & CURL_POLL_OUT ? WATCH_WRITE : 0u));
	return 0;
}

static int on_time(CURLM *multi, long after_ms, void *context)
{
	struct web *web = context;
	(void)multi;
	if (after_ms < 0)
		timer_stop(web->timer);
	else
		timer_set(web->timer, (uint64_t)after_ms);
	return 0;
}

static void timeout(void *context)
{
	step(context, CURL_SOCKET_TIMEOUT, 0);
}

/* --- one file ----------------------------------------------------------------------------- */

static size_t on_octets(char *octets, size_t size, size_t count, void *context)
{
	struct web_job *job = context;
	const struct view v = view_of(octets, size * count);
	if (v.length > WEB_OCTETS_MAX - job->octets.length) {
		job->is_long = true;
		return 0;
	}
	buffer_add(&job->octets, v);
	return buffer_failed(&job->octets) ? 0 : v.length;
}

static void free_job(struct web_job *job)
{
	struct web *web = job->web;
	if (job->runs) {
		curl_multi_remove_handle(web->multi, job->easy);
		web->running--;
	}
	if (job->easy)
		curl_easy_cleanup(job->easy);
	curl_slist_free_all(job->addresses);
	buffer_free(&job->octets);
	web->count--;
	memory_free(job);
}

static void tell(struct web_job *job, const char *why)
{
	struct web_get *get = job->get;
	const struct web_answer answer = {why, buffer_view(&job->octets)};
	if (get) {
		get->job = NULL;
		get->done(get, &answer);
	}
	free_job(job);
}

static bool is_text(const char *type)
{
	const struct view v = view_text(type ? type : "");
	const struct view text = VIEW("text/plain");
	const int behind = view_at(v, text.length);
	return view_starts_nocase(v, text) &&
	       (behind < 0 || behind == ';' || behind == ' ' || behind == '\t');
}

/* Null when it is there. RFC 8461 §3.3: 200 and nothing else, text/plain. */
static const char *what_failed(struct web_job *job, CURLcode code)
{
	long status = 0;
	char *type = NULL;
	if (job->is_long || code == CURLE_FILESIZE_EXCEEDED)
		return "it is longer than it may be";
	if (code != CURLE_OK)
		return job->trouble[0] ? job->trouble : curl_easy_strerror(code);
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(job->easy, CURLINFO_CONTENT_TYPE, &type);
	if (status != 200)
		return "the host does not say 200, and nothing else will do";
	return is_text(type) ? NULL : "it is no text/plain";
}

static void take_ended(struct web *web)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(web->multi, &left))) {
		void *job = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
		tell(job, what_failed(job, code));
	}
}

/* --- its beginning ------------------------------------------------------------------------ */

static bool set_what(struct web_job *job)
{
	CURL *e = job->easy;
	return !curl_easy_setopt(e, CURLOPT_RESOLVE, job->addresses) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_octets) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEDATA, job) &&
	       !curl_easy_setopt(e, CURLOPT_PRIVATE, job) &&
	       !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, job->trouble) &&
	       !curl_easy_setopt(e, CURLOPT_USERAGENT, "Sekisho");
}

static bool set_bounds(CURL *e)
{
	return !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") &&
	       !curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) &&
	       !curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)WEB_OCTETS_MAX) &&
	       !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)WEB_FILE_MS) &&
	       !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
	       !curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
}

/* Neither a file nor a directory of authorities: there is none in here. */
static bool set_tls(const struct web *web, CURL *e)
{
	struct curl_blob authorities = {
		.data = web->authorities.data,
		.len = web->authorities.length,
		.flags = CURL_BLOB_NOCOPY,
	};
	return web->authorities.length &&
	       !curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       !curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) &&
	       !curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	       !curl_easy_setopt(e, CURLOPT_CAINFO, NULL) &&
	       !curl_easy_setopt(e, CURLOPT_CAPATH, NULL) &&
	       !curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &authorities);
}

static bool begin(struct web_job *job)
{
	struct web *web = job->web;
	if (!job->easy || !job->addresses || !set_what(job) || !set_bounds(job->easy) ||
		!set_tls(web, job->easy) ||
		curl_multi_add_handle(web->multi, job->easy) != CURLM_OK)
		return false;
	job->runs = true;
	web->running++;
	web->begun++;
	return true;
}

static struct web_job *take_first(struct web *web)
{
	struct web_job *job = web->first;
	web->first = job->next;
	if (!web->first)
		web->last_next = &web->first;
	return job;
}

static void start_some(struct web *web)
{
	const uint64_t now_ms = loop_now_ms(web->loop);
	if (now_ms >= web->second_ms + SECOND_MS) {
		web->second_ms = now_ms;
		web->begun = 0;
	}
	while (web->first && web->running < WEB_AT_ONCE && web->begun < WEB_A_SECOND) {
		struct web_job *job = take_first(web);
		if (!begin(job))
			tell(job, web->authorities.length
					  ? "there is no memory for it"
					  : "no authority for certificates is known here");
	}
	if (web->first)
		timer_set(web->turn, web->second_ms + SECOND_MS - now_ms);
}

static void on_turn(void *context)
{
	start_some(context);
}

/* "+host:443:192.0.2.1,[2001:db8::1]": libcurl forgets it by itself (the plus), and asks nobody. */
static struct curl_slist *addresses_of(struct view host, const struct ip *addresses, uint32_t count)
{
	struct buffer line = buffer_new(LINE_MAX_OCTETS);
	char text[LINE_MAX_OCTETS];
	text_add(&line, "+{}:" PORT ":", text_raw(host));
	for (uint32_t i = 0; i < count; i++) {
		struct buffer one = buffer_new(64);
		ip_add(&one, &addresses[i]);
		const bool is_six = view_find(buffer_view(&one), ':') != VIEW_NOT_FOUND;
		text_add(&line, "{}{}{}{}", text_string(i ? "," : ""),
			text_string(is_six ? "[" : ""), text_raw(buffer_view(&one)),
			text_string(is_six ? "]" : ""));
		buffer_free(&one);
	}
	struct curl_slist *list = NULL;
	if (!buffer_failed(&line) && view_to_text(buffer_view(&line), text, sizeof text))
		list = curl_slist_append(NULL, text);
	buffer_free(&line);
	return list;
}

static bool set_url(CURL *easy, struct view host, const char *path)
{
	struct buffer url = buffer_new(LINE_MAX_OCTETS);
	char text[LINE_MAX_OCTETS];
	text_add(&url, "https://{}{}", text_raw(host), text_string(path));
	const bool fits = !buffer_failed(&url) &&
			  view_to_text(buffer_view(&url), text, sizeof text) &&
			  !curl_easy_setopt(easy, CURLOPT_URL, text);
	buffer_free(&url);
	return fits;
}

void web_start(struct web *web, struct web_get *get, struct view host, const char *path,
	const struct ip *addresses, uint32_t count)
{
	must(count > 0 && !get->job && host_name_is_sound(host));
	struct web_job *job = memory_new(1, sizeof *job);
	*job = (struct web_job){.web = web,
		.get = get,
		.easy = curl_easy_init(),
		.addresses = addresses_of(host, addresses, count),
		.octets = buffer_new(WEB_OCTETS_MAX)};
	if (job->easy && !set_url(job->easy, host, path)) {
		curl_easy_cleanup(job->easy);
		job->easy = NULL;
	}
	get->job = job;
	*web->last_next = job;
	web->last_next = &job->next;
	web->count++;
	timer_set(web->turn, 0);
}

static void take_out(struct web *web, struct web_job *job)
{
	struct web_job **at = &web->first;
	while (*at && *at != job)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = job->next;
	if (!*at)
		web->last_next = at;
}

void web_forget(struct web *web, struct web_get *get)
{
	struct web_job *job = get->job;
	get->job = NULL;
	if (!job)
		return;
	take_out(web, job);
	free_job(job);
}

uint32_t web_count(const struct web *web)
{
	return web->count;
}

/* --- life --------------------------------------------------------------------------------- */

struct web *web_new(struct loop *loop, struct view authorities)
{
	struct web *web = memory_new(1, sizeof *web);
	*web = (struct web){.loop = loop, .authorities = buffer_new(authorities.length + 1)};
	web->last_next = &web->first;
	buffer_add(&web->authorities, authorities);
	must(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
	web->multi = curl_multi_init();
	must(web->multi != NULL);
	web->timer = timer_new(loop, timeout, web);
	web->turn = timer_new(loop, on_turn, web);
	must(!curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, on_socket) &&
		!curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web) &&
		!curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, on_time) &&
		!curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web));
	return web;
}

void web_free(struct web **at)
{
	struct web *web = *at;
	*at = NULL;
	if (!web)
		return;
	must(web->count == 0);
	curl_multi_cleanup(web->multi);
	curl_global_cleanup();
	timer_free(&web->timer);
	timer_free(&web->turn);
	buffer_free(&web->authorities);
	memory_free(web);
}
