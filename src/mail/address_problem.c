#include "mail/address_problem.h"

#include "base/bytes.h"

const char *address_problem_text(enum address_problem problem)
{
	switch (problem) {
	case ADDRESS_OK:
		return "The address is right";
	case ADDRESS_EMPTY:
		return "The address is empty";
	case ADDRESS_NO_BRACKETS:
		return "The address must stand between < and >";
	case ADDRESS_NO_DOMAIN:
		return "The address has no @ and domain";
	case ADDRESS_LOCAL_SYNTAX:
		return "The part before the @ is not written as an address allows";
	case ADDRESS_LOCAL_LONG:
		return "The part before the @ is longer than 252 octets";
	case ADDRESS_DOMAIN_SYNTAX:
		return "The domain is not written as a domain name allows";
	case ADDRESS_DOMAIN_LONG:
		return "The domain or one of its labels is too long";
	case ADDRESS_LITERAL_SYNTAX:
		return "The address in square brackets is no IPv4 or IPv6 address";
	case ADDRESS_PATH_LONG:
		return "The address is longer than 256 octets";
	case ADDRESS_NEEDS_UTF8:
		return "The address has characters that need the SMTPUTF8 extension";
	case ADDRESS_NOT_UTF8:
		return "The address is not well-formed UTF-8";
	case ADDRESS_MEMORY:
		return "There is no memory left for the address";
	}
	must(!"an address problem");
	return "";
}

const char *address_problem_name(enum address_problem problem)
{
	switch (problem) {
	case ADDRESS_OK:
		return "ok";
	case ADDRESS_EMPTY:
		return "empty";
	case ADDRESS_NO_BRACKETS:
		return "no-brackets";
	case ADDRESS_NO_DOMAIN:
		return "no-domain";
	case ADDRESS_LOCAL_SYNTAX:
		return "local-syntax";
	case ADDRESS_LOCAL_LONG:
		return "local-long";
	case ADDRESS_DOMAIN_SYNTAX:
		return "domain-syntax";
	case ADDRESS_DOMAIN_LONG:
		return "domain-long";
	case ADDRESS_LITERAL_SYNTAX:
		return "literal-syntax";
	case ADDRESS_PATH_LONG:
		return "path-long";
	case ADDRESS_NEEDS_UTF8:
		return "needs-utf8";
	case ADDRESS_NOT_UTF8:
		return "not-utf8";
	case ADDRESS_MEMORY:
		return "memory";
	}
	must(!"an address problem");
	return "";
}
