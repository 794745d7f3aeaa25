// Results of LANES lanes side by side: there when all have one, taken together.
module hass_join #(
    parameter int LANES = 4
) (
    input  logic [LANES-1:0] in_valid,
    output logic [LANES-1:0] in_ready,
    output logic             out_valid,
    input  logic             out_ready
);
    assign out_valid = &in_valid;
    assign in_ready = {LANES{out_valid & out_ready}};
endmodule
