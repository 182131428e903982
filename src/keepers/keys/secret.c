#include "keepers/keys/secret.h"

struct secret {
	bool is_there;
	uint8_t octets[MAC_SECRET_OCTETS];
};

struct secret *secret_new(void)
{
	return memory_new(1, sizeof(struct secret));
}

void secret_free(struct secret **at)
{
	struct secret *secret = *at;
	*at = NULL;
	if (!secret)
		return;
	bytes_wipe(secret, sizeof *secret);
	memory_free(secret);
}

bool secret_read(struct secret *secret, struct view text)
{
	struct buffer octets = buffer_new_secret(MAC_SECRET_OCTETS);
	text = view_trim(text);
	if (view_ends(text, VIEW("\n")))
		text.length--;
	const bool ok = text.length == SECRET_TEXT_OCTETS && buffer_add_unhex(&octets, text) &&
			view_copy(buffer_view(&octets), secret->octets, sizeof secret->octets);
	secret->is_there |= ok;
	buffer_free_secret(&octets);
	return ok;
}

static bool is_of_srs(struct view octets)
{
	return view_starts(octets, VIEW("SRS0=")) || view_starts(octets, VIEW("SRS1="));
}

enum signer_result secret_sign(struct secret *secret, struct signer_peer *peer, uint64_t now_ms,
	struct view octets, struct buffer *mac_out)
{
	uint8_t mac[MAC_OCTETS];
	struct buffer signed_octets = buffer_new(octets.length + 8);
	if (!signer_may(peer, now_ms))
		return SIGNER_RATE;
	if (!is_of_srs(octets))
		return SIGNER_NOT_PURPOSE;
	if (!secret->is_there)
		return SIGNER_NO_KEY;
	buffer_add(&signed_octets, VIEW("srs\0"));
	buffer_add(&signed_octets, octets);
	must(!buffer_failed(&signed_octets));
	mac_of(secret->octets, buffer_view(&signed_octets), mac);
	buffer_free(&signed_octets);
	buffer_add(mac_out, view_of(mac, sizeof mac));
	return SIGNER_SIGNED;
}
