"""What the scores of a search show, and how surely: comparisons, effects of axes, the verdict.

It works on results as the store reads them, and knows neither models nor formats.
"""
