"""The constants that all networks, stores and losses of RTMPose's kind share."""

SPLIT_RATIO = 2.0  # bins per input px
BETA = 10.0  # softmax(BETA * logits) is the predicted distribution
PADDING = 1.25  # ratio of a crop's sides to its box's sides
IMAGENET_MEAN = (123.675, 116.28, 103.53)  # RGB, 0-255: the normalisation of all RTMPose models
IMAGENET_STD = (58.395, 57.12, 57.375)
