/* Units that settings are written in: octets and seconds. */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define HOUR 3600ull
#define DAY (24 * HOUR)

#endif
