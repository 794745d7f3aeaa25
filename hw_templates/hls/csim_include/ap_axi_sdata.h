// The part of ap_axi_sdata.h that a hass project uses, for C simulation with a plain compiler.
// Vendor tools bring their own ap_axi_sdata.h; nothing in this folder is synthesised.
#ifndef HASS_CSIM_AP_AXI_SDATA_H
#define HASS_CSIM_AP_AXI_SDATA_H

#include <ap_int.h>

// One beat of an AXI4-Stream without user, id and destination fields.
template <int W, int USER, int ID, int DEST>
struct ap_axiu {
    static_assert(USER == 0 && ID == 0 && DEST == 0, "side channels are not modelled");
    ap_uint<W> data;
    ap_uint<W / 8> keep;
    ap_uint<W / 8> strb;
    ap_uint<1> last;
};

#endif
