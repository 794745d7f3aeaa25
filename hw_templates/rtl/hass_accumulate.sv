// Sums of FILTERS filters over CHUNKS channel steps, which come in the order channel step, filter;
// those of the last step go out. For engines that do not add up over channels themselves.
module hass_accumulate #(
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,  // 1: a register
    parameter int BITS = 32
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            in_valid,
    output logic            in_ready,
    input  logic [BITS-1:0] in,
    output logic            out_valid,
    input  logic            out_ready,
    output logic [BITS-1:0] out
);
    logic take, complete;
    logic [BITS-1:0] carry;
    assign in_ready = !out_valid | out_ready;
    assign take = in_valid & in_ready;
    hass_carry #(.FILTERS(FILTERS), .CHUNKS(CHUNKS), .BITS(BITS)) earlier (
        .clk, .rst, .step(take), .result(out), .carry);
    hass_complete #(.FILTERS(FILTERS), .CHUNKS(CHUNKS)) completes (
        .clk, .rst, .in_valid(take), .in_ready(), .out_valid(complete), .out_ready(1'b1));
    always_ff @(posedge clk)
        if (rst) out_valid <= 1'b0;
        else if (in_ready) out_valid <= complete;
    always_ff @(posedge clk) if (take) out <= in + carry;
endmodule
