// Counts iterations of the engine loops in C simulation (-DHASS_COUNT_CYCLES); nothing otherwise.
// One iteration of a loop with PIPELINE II=1 is one clock cycle of the engine.
#ifndef HASS_COUNT_H
#define HASS_COUNT_H

#ifdef HASS_COUNT_CYCLES
#include <map>
#include <utility>

namespace hass {
// (layer, lane) -> iterations
inline std::map<std::pair<int, int>, unsigned long long>& loop_iterations() {
    static std::map<std::pair<int, int>, unsigned long long> counts;
    return counts;
}
}  // namespace hass

#define HASS_COUNT_BEGIN unsigned long long hass_iterations = 0;
#define HASS_COUNT_ITERATION ++hass_iterations;
#define HASS_COUNT_END(LAYER, LANE) hass::loop_iterations()[{LAYER, LANE}] += hass_iterations;
#else
#define HASS_COUNT_BEGIN
#define HASS_COUNT_ITERATION
#define HASS_COUNT_END(LAYER, LANE) static_cast<void>(LANE);
#endif

#endif
