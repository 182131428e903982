#include "store/gate_hash.h"

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t turn(uint64_t n, unsigned bits)
{
	return n << bits | n >> (64 - bits);
}

static void rounds(struct sip *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		s->a += s->b;
		s->c += s->d;
		s->b = turn(s->b, 13) ^ s->a;
		s->d = turn(s->d, 16) ^ s->c;
		s->a = turn(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = turn(s->b, 17) ^ s->c;
		s->d = turn(s->d, 21) ^ s->a;
		s->c = turn(s->c, 32);
	}
}

static void take_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	rounds(s, 2);
	s->a ^= word;
}

uint64_t gate_hash(struct gate_seed seed, struct view v)
{
	struct sip s = {
		.a = seed.low ^ 0x736f6d6570736575u,
		.b = seed.high ^ 0x646f72616e646f6du,
		.c = seed.low ^ 0x6c7967656e657261u,
		.d = seed.high ^ 0x7465646279746573u,
	};
	struct cursor c = cursor_of(v);
	while (cursor_left(&c) >= 8)
		take_word(&s, cursor_u64(&c));
	uint64_t last = (uint64_t)(v.length & 0xff) << 56;
	for (unsigned bits = 0; cursor_left(&c); bits += 8)
		last |= (uint64_t)cursor_u8(&c) << bits;
	take_word(&s, last);
	s.c ^= 0xff;
	rounds(&s, 4);
	return s.a ^ s.b ^ s.c ^ s.d;
}
