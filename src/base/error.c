#include "base/error.h"

#include <errno.h>

const char *error_name(enum error error)
{
	switch (error) {
	case ERROR_NONE:
		return "none";
	case ERROR_IO:
		return "io";
	case ERROR_SPACE:
		return "space";
	case ERROR_MEMORY:
		return "memory";
	case ERROR_MISSING:
		return "missing";
	case ERROR_EXISTS:
		return "exists";
	case ERROR_DENIED:
		return "denied";
	case ERROR_SYNTAX:
		return "syntax";
	case ERROR_LIMIT:
		return "limit";
	case ERROR_CLOSED:
		return "closed";
	case ERROR_PROTOCOL:
		return "protocol";
	case ERROR_BUSY:
		return "busy";
	case ERROR_CORRUPT:
		return "corrupt";
	}
	return "unknown";
}

enum error error_of_errno(int number)
{
	switch (number) {
	case 0:
		return ERROR_NONE;
	case ENOSPC:
	case EDQUOT:
		return ERROR_SPACE;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return ERROR_MEMORY;
	case ENOENT:
	case ENOTDIR:
		return ERROR_MISSING;
	case EEXIST:
		return ERROR_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERROR_DENIED;
	case EPIPE:
	case ECONNRESET:
		return ERROR_CLOSED;
	case EBUSY:
	case EAGAIN:
		return ERROR_BUSY;
	default:
		return ERROR_IO;
	}
}
