// Index multiplexer: word `index` of WORDS words; an index past the end never happens.
//
// A tree of 4:1 multiplexers: level k chooses by bits 2k and 2k+1 of the index. A group of one word
// passes through, so numbers that are no powers of four cost what they need and no more.
module hass_select #(
    parameter int WORDS = 9,
    parameter int WIDTH = 16,
    parameter int INDEX_BITS = WORDS > 1 ? $clog2(WORDS) : 1
) (
    input  logic [WORDS*WIDTH-1:0] words,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [INDEX_BITS-1:0]  index,  // one word needs none
    // verilator lint_on UNUSEDSIGNAL
    output logic [WIDTH-1:0]       word
);
    localparam int LEVELS = ($clog2(WORDS) + 1) / 2;

    genvar level, g;
    generate
        for (level = 0; level < LEVELS; level = level + 1) begin : tree
            localparam int COUNT = (WORDS + (1 << 2 * level) - 1) >> 2 * level;
            localparam int GROUPS = (COUNT + 3) / 4;
            logic [COUNT*WIDTH-1:0] choices;
            logic [GROUPS*WIDTH-1:0] chosen;
            if (level == 0) begin : leaves
                assign choices = words;
            end else begin : inner
                assign choices = tree[level-1].chosen;
            end
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                localparam int SIZE = 4 * g + 4 <= COUNT ? 4 : COUNT - 4 * g;
                if (SIZE == 1) begin : alone
                    assign chosen[g*WIDTH+:WIDTH] = choices[4*g*WIDTH+:WIDTH];
                end else begin : several
                    hass_mux4 #(.WORDS(SIZE), .WIDTH(WIDTH)) mux (
                        .words(choices[4*g*WIDTH+:SIZE*WIDTH]),
                        .index(index[2*level+:(SIZE==2?1:2)]),
                        .word(chosen[g*WIDTH+:WIDTH])
                    );
                end
            end
        end
        if (LEVELS == 0) begin : single
            assign word = words;
        end else begin : root
            assign word = tree[LEVELS-1].chosen;
        end
    endgenerate
endmodule
