"""What others publish of the networks that ``hass.models`` defines anew."""

from __future__ import annotations

# torchvision's pages of each network (docs.pytorch.org/vision/stable/models): num_params, and
# GFLOPS, which are multiply-accumulates, to two decimals. inception_v3's page counts its training
# head of 3,326,696 parameters too.
TORCHVISION = {
    "alexnet": (61_100_840, 0.71),
    "vgg11": (132_863_336, 7.61),
    "vgg13": (133_047_848, 11.31),
    "vgg16": (138_357_544, 15.47),
    "vgg19": (143_667_240, 19.63),
    "vgg11_bn": (132_868_840, 7.61),
    "vgg13_bn": (133_053_736, 11.31),
    "vgg16_bn": (138_365_992, 15.47),
    "vgg19_bn": (143_678_248, 19.63),
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "resnet152": (60_192_808, 11.51),
    "resnext50_32x4d": (25_028_904, 4.23),
    "wide_resnet50_2": (68_883_240, 11.40),
    "regnet_x_400mf": (5_495_976, 0.41),
    "regnet_y_400mf": (4_344_144, 0.40),
    "densenet121": (7_978_856, 2.83),
    "densenet169": (14_149_480, 3.36),
    "googlenet": (6_624_904, 1.50),
    "inception_v3": (27_161_264 - 3_326_696, 5.71),
    "squeezenet1_0": (1_248_424, 0.82),
    "squeezenet1_1": (1_235_496, 0.35),
    "mobilenet_v2": (3_504_872, 0.30),
    "mobilenet_v3_small": (2_542_856, 0.06),
    "mobilenet_v3_large": (5_483_032, 0.22),
    "mnasnet1_0": (4_383_312, 0.31),
    "efficientnet_b0": (5_288_548, 0.39),
    "efficientnet_b1": (7_794_184, 0.69),
    "efficientnet_b2": (9_109_994, 1.09),
    "efficientnet_b3": (12_233_232, 1.83),
    "efficientnet_b4": (19_341_616, 4.39),
    "shufflenet_v2_x0_5": (1_366_792, 0.04),
    "shufflenet_v2_x1_0": (2_278_604, 0.14),
}

# Keras counts a normalisation's two statistics as parameters too: Keras Applications' MobileNet,
# and MLPerf Tiny's reference models (github.com/mlcommons/tiny).
KERAS = {
    "mobilenet_v1": 4_253_864,
    "cifar_resnet8": 78_666,
    "ds_cnn": 24_908,
    "autoencoder": 269_992,
}
# MLPerf Tiny's MobileNet, whose convolutions have biases in front of normalisations, one of
# three values of each normalised channel that are not trainable here.
VISUAL_WAKE_WORDS = 221_794

# Parameters to a millionth of a part and 10^6 MACs as published, to their decimals:
# github.com/chenyaofo/pytorch-cifar-models; ultralytics' YOLOv8n has 16 more, which are constants;
# hls4ml's jets: Duarte et al., arXiv 1804.06913.
MILLIONS = {
    "cifar_resnet20": (0.27, 40.81),
    "cifar_resnet56": (0.86, 125.75),
    "cifar_vgg16_bn": (15.25, 313.73),
}
EXACTLY = {"yolo_v8n": 3_157_200 - 16, "mlp_jets": 4_389}
# RepVGG (arXiv 2101.03697, table 2): millions deployed, and 10^9 MACs; its repository says that
# 9.11 millions are trained.
REPVGG_A0 = (8.30, 9.11, 1.4)
# Nobody publishes figures of these: FINN's SFC has another input width, M5 and U-Net are rounded.
OWN = {"unet", "unet_resize", "m5", "mlp_mnist"}
