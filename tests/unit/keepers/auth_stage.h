/* An auth keeper with everybody around it in one process and loop, for tests: a face, a real gate in
 * memory, a mailbox that answers when told. */
#ifndef TESTS_AUTH_STAGE_H
#define TESTS_AUTH_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config/users.h"
#include "keepers/auth/authd.h"
#include "keepers/gate/gated.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NOTHING 0xffff

struct test_face {
	struct channel *channel;
	unsigned answers;
	uint16_t code; /* of the last answer, or NOTHING */
	uint32_t stream;
	uint64_t reason;
	char text[2000];
	bool closed;
	const char *why;
};

struct test_mailbox {
	struct channel *channel;
	bool answers;
	unsigned gives;
	unsigned takes;
	uint32_t stream;
	uint64_t worker;
	char user[100];
};

struct stage {
	struct loop *loop;
	struct authd authd;
	struct gated gated;
	bool has_gate;
	struct test_face face;
	struct test_mailbox mailbox;
	unsigned rewrites;
	char rewrite_name[100];
	char rewrite_before[600];
	char rewrite_after[600];
	unsigned drained;
	unsigned broken;
};

struct stage *stage_new(bool with_gate, const struct authd_limits *limits);
void stage_free(struct stage *s);
/* A snapshot with hana (SCRAM, "pencil"), jun ("!"), mei (bcrypt, "U*U"), taro (SCRAM "inkwell"). */
struct snapshot *stage_snapshot(const char *mei_verifier);
void stage_face(struct stage *s, struct test_face *face, enum program_id id, uint32_t worker);
void stage_mailbox(struct stage *s);
/* Turns until that many answers came, or `ms` have passed, and some turns. */
void stage_turn(struct stage *s, struct test_face *face, unsigned answers, unsigned ms);

struct start {
	const char *mechanism;
	struct view initial;
	bool no_initial;
	bool no_tls;
	enum auth_service service;
	const char *address; /* 16 octets; null: one of ours */
	enum auth_binding kind;
	const char *binding;
	uint64_t session; /* 0: always the same */
};
void say_start(struct test_face *face, uint32_t stream, const struct start *start);
void say_step(struct test_face *face, uint32_t stream, const char *response);
/* Starts and turns until the answer. */
void ask(struct stage *s, uint32_t stream, const struct start *start);
void answer(struct stage *s, uint32_t stream, const char *response);
void expect_failure(const struct test_face *face, enum auth_failure reason);
void expect_success(const struct test_face *face, const char *user);
/* Counts in the gate as auth would. */
void gate_add(struct stage *s, struct view key, uint32_t amount);
uint64_t gate_count(struct stage *s, struct view key);
/* "guess:n:" or "known:" key of a name, as auth makes it. */
void name_key(struct stage *s, const char *prefix, const char *name, char *out, size_t room);

#endif
