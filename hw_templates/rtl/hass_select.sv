// Index multiplexer: word `index` of WORDS words. An index past the end repeats the last word, which
// costs nothing and never happens.
//
// Bit by bit on purpose: synthesis then sees WIDTH multiplexers of WORDS single bits, which fit the
// slices' F7 and F8 multiplexers, instead of a wide shifter.
module hass_select #(
    parameter int WORDS = 9,
    parameter int WIDTH = 16,
    parameter int INDEX_BITS = WORDS > 1 ? $clog2(WORDS) : 1
) (
    input  logic [WORDS*WIDTH-1:0] words,
    input  logic [INDEX_BITS-1:0]  index,
    output logic [WIDTH-1:0]       word
);
    localparam int SLOTS = 1 << INDEX_BITS;

    genvar b, i;
    generate
        for (b = 0; b < WIDTH; b = b + 1) begin : bit_of_word
            logic [SLOTS-1:0] choices;
            for (i = 0; i < SLOTS; i = i + 1) begin : choice
                assign choices[i] = words[(i < WORDS ? i : WORDS - 1) * WIDTH + b];
            end
            assign word[b] = choices[index];
        end
    endgenerate
endmodule
