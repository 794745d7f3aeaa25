// Lets the results of the last of CHUNKS channel steps pass, FILTERS of them, and drops the others,
// which the engine has added up already.
module hass_complete #(
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2
) (
    // verilator lint_off UNUSEDSIGNAL
    input  logic clk,  // of one channel step all pass
    input  logic rst,
    // verilator lint_on UNUSEDSIGNAL
    input  logic in_valid,
    output logic in_ready,
    output logic out_valid,
    input  logic out_ready
);
    generate
        if (CHUNKS == 1) begin : all
            assign out_valid = in_valid;
            assign in_ready = out_ready;
        end else begin : some
            logic take, last_filter, last_chunk;
            assign out_valid = in_valid & last_chunk;
            assign in_ready = out_ready | !last_chunk;
            assign take = in_valid & in_ready;
            hass_counter #(.SIZE(FILTERS)) filters (
                .clk, .rst, .step(take), .value(), .last(last_filter));
            hass_counter #(.SIZE(CHUNKS)) chunks (
                .clk, .rst, .step(take & last_filter), .value(), .last(last_chunk));
        end
    endgenerate
endmodule
