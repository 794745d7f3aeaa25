// GROUPS x OUTS x INS dense engines in lockstep; lane (g, o, i) is number (g * OUTS + o) * INS + i.
//
// A beat at the input holds a segment of M activations for each (g, i), and stays until the lanes
// have computed their FILTERS filters of it, one after the other, ceil(M / FINE) cycles each. CHUNKS
// beats make one position: its sums go out with the last of them, a beat of all lanes per filter.
// PAIRED: the lanes of two filters share their multipliers; OUTS is then even.
// `weight` holds the turn's weights of all lanes, `step` says that they are taken. `starts` says of
// each lane that it begins a window: for counters of cycles.
module hass_dense_lanes #(
    parameter int GROUPS = 1,
    parameter int OUTS = 2,
    parameter int INS = 2,
    parameter int M = 9,
    parameter int FINE = 3,
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,
    parameter int PAIRED = 0,
    parameter int SHIFT = 18,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int LANES = GROUPS * OUTS * INS
) (
    input  logic                              clk,
    input  logic                              rst,
    input  logic                              in_valid,
    output logic                              in_ready,
    input  logic [GROUPS*INS*M*ACT_BITS-1:0]  in,
    input  logic                              weight_valid,
    input  logic [LANES*FINE*WEIGHT_BITS-1:0] weight,
    output logic                              step,
    output logic                              out_valid,
    input  logic                              out_ready,
    output logic [LANES*ACC_BITS-1:0]         out,
    output logic [LANES-1:0]                  starts
);
    localparam int PADDED = (M + FINE - 1) / FINE * FINE;  // the last turn may have room left
    localparam int SUM_BITS = (PAIRED + 1) * ACC_BITS;
    localparam int ENGINES = LANES / (PAIRED + 1);

    logic given, is_last_filter, result_ready, is_fresh;
    assign given = in_valid & weight_valid;
    // they all do the same; the first one speaks for all
    // verilator lint_off UNUSEDSIGNAL
    logic [ENGINES-1:0] takes, steps, results;
    // verilator lint_on UNUSEDSIGNAL
    assign step = steps[0];
    assign in_ready = takes[0] & weight_valid & is_last_filter;
    hass_counter #(.SIZE(FILTERS)) filters (
        .clk, .rst, .step(given & takes[0]), .value(), .last(is_last_filter));
    always_ff @(posedge clk)
        if (rst) is_fresh <= 1'b1;
        else if (step) is_fresh <= in_ready;
    assign starts = {LANES{step & is_fresh}};
    hass_complete #(.FILTERS(FILTERS), .CHUNKS(CHUNKS)) complete (
        .clk, .rst, .in_valid(results[0]), .in_ready(result_ready), .out_valid, .out_ready);

    genvar e, s;
    generate
        for (e = 0; e < ENGINES; e = e + 1) begin : engine
            localparam int LANE = PAIRED != 0 ? e / INS * 2 * INS + e % INS : e;
            localparam int SOURCE = LANE / (OUTS * INS) * INS + LANE % INS;
            logic carry_ready;
            logic [PADDED*ACT_BITS-1:0] act;
            logic [SUM_BITS-1:0] carry, result;
            assign act = (PADDED*ACT_BITS)'(in[SOURCE*M*ACT_BITS+:M*ACT_BITS]);
            for (s = 0; s <= PAIRED; s = s + 1) begin : sums
                hass_carry #(.FILTERS(FILTERS), .CHUNKS(CHUNKS), .BITS(ACC_BITS)) earlier (
                    .clk, .rst, .step(carry_ready), .result(result[s*ACC_BITS+:ACC_BITS]),
                    .carry(carry[s*ACC_BITS+:ACC_BITS]));
            end
            if (PAIRED != 0) begin : pair
                hass_dense_pair #(
                    .M(PADDED), .N(FINE), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS),
                    .ACC_BITS(ACC_BITS), .SHIFT(SHIFT)
                ) both (
                    .clk, .rst, .in_valid(given), .in_ready(takes[e]), .in_act(act),
                    .weight({
                        weight[(LANE+INS)*FINE*WEIGHT_BITS+:FINE*WEIGHT_BITS],
                        weight[LANE*FINE*WEIGHT_BITS+:FINE*WEIGHT_BITS]
                    }),
                    .step(steps[e]), .carry, .carry_ready, .out_valid(results[e]),
                    .out_ready(result_ready), .out(result)
                );
                assign out[(LANE+INS)*ACC_BITS+:ACC_BITS] = result[ACC_BITS+:ACC_BITS];
            end else begin : alone
                hass_dense_engine #(
                    .M(PADDED), .N(FINE), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS),
                    .ACC_BITS(ACC_BITS)
                ) one (
                    .clk, .rst, .in_valid(given), .in_ready(takes[e]), .in_act(act),
                    .weight(weight[LANE*FINE*WEIGHT_BITS+:FINE*WEIGHT_BITS]), .step(steps[e]),
                    .carry, .carry_ready, .out_valid(results[e]), .out_ready(result_ready),
                    .out(result)
                );
            end
            assign out[LANE*ACC_BITS+:ACC_BITS] = result[ACC_BITS-1:0];
        end
    endgenerate
endmodule
