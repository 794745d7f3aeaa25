// Sums of products of one activation a cycle with a weight of each of OUTS filters: as many DSPs that
// multiply and accumulate, and one control for all. Each sum begins a segment with its `start`.
// LATENCY = 3 enabled cycles from the last operands to the result, as of hass_sum.
module hass_broadcast_sums #(
    parameter int OUTS = 4,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                        clk,
    input  logic                        rst,
    output logic                        enable,  // false: everything stands still
    input  logic                        in_valid,
    input  logic                        in_first,
    input  logic                        in_last,
    input  logic [ACT_BITS-1:0]         act,
    input  logic [OUTS*WEIGHT_BITS-1:0] weight,
    input  logic [OUTS*ACC_BITS-1:0]    start,
    output logic                        start_ready,  // start is taken in this cycle
    output logic                        out_valid,
    input  logic                        out_ready,
    output logic [OUTS*ACC_BITS-1:0]    out
);
    localparam int DSP_BITS = 48;
    logic [1:0] valid, first, last;
    logic adds;
    assign enable = !out_valid | out_ready;
    assign adds = enable & valid[1];
    assign start_ready = adds & first[1];
    always_ff @(posedge clk)
        if (rst) begin
            valid <= '0;
            out_valid <= 1'b0;
        end else if (enable) begin
            valid <= {valid[0], in_valid};
            out_valid <= valid[1] & last[1];
        end
    always_ff @(posedge clk)
        if (enable) begin
            first <= {first[0], in_first};
            last <= {last[0], in_last};
        end

    genvar o;
    generate
        for (o = 0; o < OUTS; o = o + 1) begin : filter
            logic signed [ACT_BITS-1:0] a;
            logic signed [WEIGHT_BITS-1:0] w;
            logic signed [ACT_BITS+WEIGHT_BITS-1:0] product;
            logic signed [DSP_BITS-1:0] base, total;
            logic [ACC_BITS-1:0] begin_with;
            assign begin_with = start[o*ACC_BITS+:ACC_BITS];
            assign base = first[1] ? {{(DSP_BITS - ACC_BITS){begin_with[ACC_BITS-1]}}, begin_with} : total;
            always_ff @(posedge clk)
                if (enable) begin
                    a <= act;
                    w <= weight[o*WEIGHT_BITS+:WEIGHT_BITS];
                    product <= a * w;
                end
            always_ff @(posedge clk) if (adds) total <= base + DSP_BITS'(product);
            assign out[o*ACC_BITS+:ACC_BITS] = total[ACC_BITS-1:0];
        end
    endgenerate
endmodule
