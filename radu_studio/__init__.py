"""The studio as a package: what ``pip install`` puts on a machine that has no checkout.

Everything beside this file is a link to the same name in the checkout, and a wheel holds what the
links lead to. So ``app.py`` finds ``pages/`` and the rest beside it in both places, and core and
tests find the sample project by ``importlib.resources``.
"""
