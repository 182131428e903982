/*
 * What programs get of the environment of whoever started the server. That may hold secrets (tokens, other
 * services' passwords), and a face holds nothing worth stealing: so no more than our own variables, and
 * those of the loader and of sanitizers, which have done their work before a program reads its first octet.
 */
#ifndef PARENT_ENVIRONMENT_H
#define PARENT_ENVIRONMENT_H

/* For execve; lives as long as the process. */
char **environment_of_programs(void);

#endif
