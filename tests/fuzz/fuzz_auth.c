/*
 * auth, whole, among faces, a gate and a mailbox that somebody broke into (peers.h): it does not die,
 * leak, or keep an exchange of a face that is gone; and it never says SUCCESS to who did not say a
 * password.
 */
#include "base/log.h"
#include "channels/any_gate.h"
#include "channels/auth_mailbox.h"
#include "channels/face_auth.h"
#include "config/users.h"
#include "keepers/auth/authd.h"
#include "peers.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void connect_smtpd(struct peers *all, int fd)
{
	authd_connect(all->world, PROGRAM_SMTPD, 0, fd);
}
static void connect_popd(struct peers *all, int fd)
{
	authd_connect(all->world, PROGRAM_POPD, 0, fd);
}
static void connect_gate(struct peers *all, int fd)
{
	authd_connect(all->world, PROGRAM_GATE, 0, fd);
}
static void connect_mailbox(struct peers *all, int fd)
{
	authd_connect(all->world, PROGRAM_MAILBOX, 0, fd);
}

static void forget_users(void *context, struct view blob)
{
	(void)context;
	(void)blob;
}

static struct snapshot *users(void)
{
	static struct buffer hana = {.max = 600};
	static struct domain domains[] = {{{(const uint8_t *)"example.test", 12}}};
	static struct snapshot_user list[] = {{VIEW("hana"), {0}}, {VIEW("jun"), VIEW("!")},
		{VIEW("mei"),
			VIEW("$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")}};
	if (!hana.length)
		must(verifier_make(
			VIEW("pencil"), VIEW("sixteen octets.."), USER_ITERATIONS_MIN, &hana));
	list[0].verifier = buffer_view(&hana);
	struct snapshot *s = memory_new(1, sizeof *s);
	*s = (struct snapshot){.references = 1,
		.domains = domains,
		.domain_count = 1,
		.users = list,
		.user_count = 3,
		.popkey = {10, 300},
		.release = forget_users};
	s->numbers[SETTING_POPKEYIPV6] = 64;
	return s;
}

static void end_face(struct authd *a, struct auth_face *face)
{
	if (face->channel)
		authd_connect(a, face->id, face->worker, open("/dev/null", O_RDONLY | O_CLOEXEC));
	channel_free(&face->channel);
	must(streams_count(&face->exchanges) == 0);
	streams_free(&face->exchanges);
	streams_free(&face->grants);
}

static void play_auth(struct cursor *in)
{
	static const struct workers_limits pool = {.threads = 1, .queue_max = AUTH_HASH_QUEUE};
	static const uint8_t fake_key[VERIFIER_KEY_OCTETS] = "a secret of this installation..";
	const struct authd_hooks hooks = {0};
	struct authd *a = memory_new(1, sizeof *a);
	struct peers all = {.loop = loop_new(),
		.count = 4,
		.world = a,
		.peers = {{.protocol = &face_auth, .side = FRAME_A, .connect = connect_smtpd},
			{.protocol = &face_auth, .side = FRAME_A, .connect = connect_popd},
			{.protocol = &any_gate, .side = FRAME_B, .connect = connect_gate},
			{.protocol = &auth_mailbox, .side = FRAME_B, .connect = connect_mailbox}}};
	struct authd_limits limits = authd_limits_default;
	limits.exchanges_max = 3; /* of STREAMS */
	verifier_warm();
	sasl_warm();
	authd_begin(a, all.loop, &limits, &hooks, fake_key);
	authd_config(a, users());
	authd_go(a, workers_new(&pool, "auth"));
	peers_play(&all, in);
	if (a->mailbox) /* its end takes the grants along */
		authd_connect(a, PROGRAM_MAILBOX, 0, open("/dev/null", O_RDONLY | O_CLOEXEC));
	for (size_t i = 0; i < AUTH_FACES_MAX; i++)
		end_face(a, &a->faces[i]);
	watch_free(&a->reaper);
	workers_free(&a->workers);
	must(a->exchanges == 0 && !a->hashing);
	channel_free(&a->gate.channel);
	streams_free(&a->gate.questions);
	channel_free(&a->mailbox);
	snapshot_drop(&a->snapshot);
	memory_free(a->rewritten);
	loop_free(&all.loop);
	memory_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play_auth(&in);
	return 0;
}
