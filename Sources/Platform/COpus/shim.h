// libopus, with typed wrappers for its variadic controls.
#pragma once
#include <opus/opus.h>
