#ifndef SAGAD_NODE_VERSION_H
#define SAGAD_NODE_VERSION_H

#define SAGAD_VERSION "0.1.0"
/* What it was built from, as whoever builds it says: -DSAGAD_REVISION=... */
#ifndef SAGAD_REVISION
#define SAGAD_REVISION "unknown"
#endif

#endif
