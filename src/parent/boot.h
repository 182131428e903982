/*
 * In which life of the machine's memory this server runs. A file that was given its name and not synced
 * is there until that memory is lost: with the boot of the machine, but also when the file system is
 * mounted anew after it failed or was torn away. So there are two: the machine's boot, and this mounting
 * of the file system on which the mailboxes are. Another mounting always has another one; the same one
 * mostly has the same after all programs have died, always while the parent lives.
 */
#ifndef PARENT_BOOT_H
#define PARENT_BOOT_H

#include <stdint.h>

#define BOOT_MACHINE_OCTETS 16
#define BOOT_MOUNT_OCTETS 8

struct boot {
	uint8_t machine[BOOT_MACHINE_OCTETS];
	uint8_t mount[BOOT_MOUNT_OCTETS];
};

/* The machine's: SEKISHO_BOOT_ID (32 hexadecimal digits, dashes are skipped), else the kernel's, else
 * random. `mailboxes`: their directory, which the parent holds open: that keeps them mounted. */
void boot_read(int mailboxes, struct boot *boot_out);

#endif
