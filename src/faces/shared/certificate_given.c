#include "faces/shared/certificate_given.h"

#include "base/certificate.h"
#include "base/log.h"

#include <unistd.h>

#define STEP_OCTETS 4096u

struct tls_context *certificate_given(int fd)
{
	struct buffer pem = buffer_new(CERTIFICATE_PEM_MAX);
	ssize_t n;
	do {
		uint8_t *room = buffer_room(&pem, STEP_OCTETS);
		n = room ? pread(fd, room, STEP_OCTETS, (off_t)pem.length) : -1;
		if (n > 0)
			buffer_grown(&pem, (size_t)n);
	} while (n > 0);
	struct tls_context *context = tls_context_new();
	struct arena a = arena_new(2 * CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	enum certificate_problem problem = certificate_read(buffer_view(&pem), &a, &facts);
	if (problem == CERTIFICATE_OK)
		problem = tls_context_add(context, buffer_view(&pem), key_id_of(facts.public_key));
	arena_reset(&a);
	buffer_free(&pem);
	if (problem == CERTIFICATE_OK)
		return context;
	log_error("the certificate cannot be used, TLS stays as it was",
		fact_text("why", certificate_problem_text(problem)));
	tls_context_free(&context);
	return NULL;
}
