"""Figures as ratios: both sides are measured in one run on one machine, in turns."""
