// Adds up the sums of a segment's cycles, from `start`, and says when the segment is complete.
module hass_accumulator #(
    parameter int ACC_BITS = 32
) (
    input  logic                clk,
    input  logic                rst,
    input  logic                enable,
    input  logic                sum_valid,
    input  logic                sum_first,
    input  logic                sum_last,
    input  logic [ACC_BITS-1:0] sum,
    input  logic [ACC_BITS-1:0] start,    // taken with the segment's first sum
    output logic                out_valid,
    output logic [ACC_BITS-1:0] out
);
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= sum_valid & sum_last;
    always_ff @(posedge clk)
        if (enable & sum_valid) out <= (sum_first ? start : out) + sum;
endmodule
