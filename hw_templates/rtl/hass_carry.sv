// The sum that a lane's engine starts a segment with: that of the same filter over the channels
// before, or zero. Segments come in the order channel step, filter; an engine asks for the carry of
// a segment while it still shows the sum of the one before, so the sums of the FILTERS - 1 segments
// before that wait here.
module hass_carry #(
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,  // channel steps
    parameter int BITS = 32
) (
    // verilator lint_off UNUSEDSIGNAL
    input  logic            clk,     // of one channel step there is nothing before
    input  logic            rst,
    input  logic            step,    // a segment starts and takes the carry
    input  logic [BITS-1:0] result,  // of the segment before
    // verilator lint_on UNUSEDSIGNAL
    output logic [BITS-1:0] carry
);
    generate
        if (CHUNKS == 1) begin : nothing
            assign carry = '0;
        end else begin : sums
            localparam int CHUNK_BITS = $clog2(CHUNKS);
            logic last_filter;
            logic [CHUNK_BITS-1:0] chunk;
            logic [BITS-1:0] sums_before;
            hass_counter #(.SIZE(FILTERS)) filters (
                .clk, .rst, .step, .value(), .last(last_filter));
            hass_counter #(.SIZE(CHUNKS)) chunks (
                .clk, .rst, .step(step & last_filter), .value(chunk), .last());
            hass_recall #(.DEPTH(FILTERS - 1), .WIDTH(BITS)) recall (
                .clk, .rst, .enable(step), .in(result), .out(sums_before));
            assign carry = chunk == 0 ? '0 : sums_before;
        end
    endgenerate
endmodule
