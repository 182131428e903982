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
	const enum certificate_problem problem =
		tls_context_add(context, buffer_view(&pem), (struct key_id){0});
	buffer_free(&pem);
	if (problem == CERTIFICATE_OK)
		return context;
	log_error("the certificate cannot be used, TLS stays as it was",
		fact_text("why", certificate_problem_text(problem)));
	tls_context_free(&context);
	return NULL;
}
