"""The selected classifiers to take home: folders, cards, ONNX, predictions."""
