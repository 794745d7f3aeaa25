"""The networks that ``hass models`` offers, as facts that need no torch."""

from __future__ import annotations

from dataclasses import dataclass


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as the command line shows and takes it: ``3x224x224``."""
    return "x".join(map(str, shape))


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """A network defined in this package.

    Attributes:
        name: as torchvision names it, where it has it.
        parameters: trainable ones.
        macs: multiply-accumulates of one frame, dense.
        input_shape: of a frame: channels, height, width; channels, length; or words.
        outputs: tensors that it puts out.
    """

    name: str
    parameters: int
    macs: int
    input_shape: tuple[int, ...] = (3, 224, 224)
    outputs: int = 1


# Counted here; where others publish figures of the same weights these are equal, and
# tests/models/test_networks.py holds the definitions to both.
NETWORKS = (
    NetworkInfo("alexnet", 61_100_840, 714_188_480),
    NetworkInfo("vgg11", 132_863_336, 7_609_090_048),
    NetworkInfo("vgg13", 133_047_848, 11_308_466_176),
    NetworkInfo("vgg16", 138_357_544, 15_470_264_320),
    NetworkInfo("vgg19", 143_667_240, 19_632_062_464),
    NetworkInfo("vgg11_bn", 132_868_840, 7_609_090_048),
    NetworkInfo("vgg13_bn", 133_053_736, 11_308_466_176),
    NetworkInfo("vgg16_bn", 138_365_992, 15_470_264_320),
    NetworkInfo("vgg19_bn", 143_678_248, 19_632_062_464),
    NetworkInfo("resnet18", 11_689_512, 1_814_073_344),
    NetworkInfo("resnet34", 21_797_672, 3_663_761_408),
    NetworkInfo("resnet50", 25_557_032, 4_089_184_256),
    NetworkInfo("resnet101", 44_549_160, 7_801_405_440),
    NetworkInfo("resnet152", 60_192_808, 11_513_626_624),
    NetworkInfo("resnext50_32x4d", 25_028_904, 4_230_479_872),
    NetworkInfo("wide_resnet50_2", 68_883_240, 11_398_021_120),
    NetworkInfo("regnet_x_400mf", 5_495_976, 413_812_608),
    NetworkInfo("regnet_y_400mf", 4_344_144, 401_842_848),
    NetworkInfo("densenet121", 7_978_856, 2_834_161_664),
    NetworkInfo("densenet169", 14_149_480, 3_359_843_328),
    NetworkInfo("googlenet", 6_624_904, 1_498_376_192),
    NetworkInfo("inception_v3", 23_834_568, 5_713_216_096, (3, 299, 299)),
    NetworkInfo("squeezenet1_0", 1_248_424, 818_924_576),
    NetworkInfo("squeezenet1_1", 1_235_496, 349_151_936),
    NetworkInfo("mobilenet_v1", 4_231_976, 568_740_352),
    NetworkInfo("mobilenet_v2", 3_504_872, 300_774_272),
    NetworkInfo("mobilenet_v3_small", 2_542_856, 56_510_400),
    NetworkInfo("mobilenet_v3_large", 5_483_032, 216_589_760),
    NetworkInfo("mnasnet1_0", 4_383_312, 314_415_872),
    NetworkInfo("efficientnet_b0", 5_288_548, 385_814_752),
    NetworkInfo("efficientnet_b1", 7_794_184, 686_802_832, (3, 240, 240)),
    NetworkInfo("efficientnet_b2", 9_109_994, 1_087_529_456, (3, 288, 288)),
    NetworkInfo("efficientnet_b3", 12_233_232, 1_827_141_392, (3, 300, 300)),
    NetworkInfo("efficientnet_b4", 19_341_616, 4_393_771_024, (3, 380, 380)),
    NetworkInfo("shufflenet_v2_x0_5", 1_366_792, 40_476_448),
    NetworkInfo("shufflenet_v2_x1_0", 2_278_604, 144_907_992),
    NetworkInfo("repvgg_a0", 8_309_384, 1_361_451_008),
    NetworkInfo("repvgg_a0_train", 9_108_968, 1_512_581_120),
    NetworkInfo("unet", 1_942_594, 758_382_592, (3, 128, 128)),
    NetworkInfo("unet_resize", 1_812_034, 758_382_592, (3, 128, 128)),
    NetworkInfo("yolo_v8n", 3_157_184, 4_371_456_000, (3, 640, 640), outputs=3),
    NetworkInfo("cifar_resnet8", 78_186, 12_501_632, (3, 32, 32)),
    NetworkInfo("cifar_resnet20", 272_474, 40_813_184, (3, 32, 32)),
    NetworkInfo("cifar_resnet56", 855_770, 125_747_840, (3, 32, 32)),
    NetworkInfo("cifar_vgg16_bn", 15_253_578, 313_725_952, (3, 32, 32)),
    NetworkInfo("mobilenet_v1_025", 213_586, 7_489_664, (3, 96, 96)),
    NetworkInfo("ds_cnn", 23_756, 2_656_768, (1, 49, 10)),
    NetworkInfo("m5", 559_114, 69_538_816, (1, 8000)),
    NetworkInfo("autoencoder", 267_928, 264_192, (640,)),
    NetworkInfo("mlp_mnist", 335_114, 334_336, (784,)),
    NetworkInfo("mlp_jets", 4_389, 4_256, (16,)),
)
BY_NAME = {network.name: network for network in NETWORKS}
DIGITS = NetworkInfo("digits", 132_802, 2_602_176, (1, 8, 8))
