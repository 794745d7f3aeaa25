// Sums of the INS words of each of OUTS, in a tree of adders with a register behind each level.
module hass_tree #(
    parameter int OUTS = 2,
    parameter int INS = 5,
    parameter int BITS = 32
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     in_valid,
    output logic                     in_ready,
    input  logic [OUTS*INS*BITS-1:0] in,
    output logic                     out_valid,
    input  logic                     out_ready,
    output logic [OUTS*BITS-1:0]     out
);
    localparam int LEVELS = INS > 1 ? $clog2(INS) : 1;

    logic [LEVELS-1:0] valid;
    assign out_valid = valid[LEVELS-1];
    assign in_ready = !out_valid | out_ready;
    genvar level, o, i;
    generate
        for (level = 0; level < LEVELS; level = level + 1) begin : tree
            localparam int COUNT = (INS + (1 << level) - 1) >> level;
            localparam int HALF = (COUNT + 1) / 2;
            logic given;
            logic [OUTS*COUNT*BITS-1:0] words;
            logic [OUTS*HALF*BITS-1:0] sums;
            if (level == 0) begin : leaves
                assign given = in_valid;
                assign words = in;
            end else begin : inner
                assign given = valid[level-1];
                assign words = tree[level-1].sums;
            end
            always_ff @(posedge clk)
                if (rst) valid[level] <= 1'b0;
                else if (in_ready) valid[level] <= given;
            for (o = 0; o < OUTS; o = o + 1) begin : output_word
                for (i = 0; i < HALF; i = i + 1) begin : pair
                    localparam int PLACE = o * COUNT + 2 * i;
                    logic [BITS-1:0] sum;
                    if (2 * i + 1 < COUNT) begin : two
                        always_ff @(posedge clk)
                            if (in_ready)
                                sum <= words[PLACE*BITS+:BITS] + words[(PLACE+1)*BITS+:BITS];
                    end else begin : one
                        always_ff @(posedge clk) if (in_ready) sum <= words[PLACE*BITS+:BITS];
                    end
                    assign sums[(o*HALF+i)*BITS+:BITS] = sum;
                end
            end
        end
    endgenerate
    assign out = tree[LEVELS-1].sums;
endmodule
