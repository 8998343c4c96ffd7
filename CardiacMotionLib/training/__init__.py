"""Training of networks: one loop for all, and what each kind of network is trained on.

``settings`` and ``recipe`` say how, a ``task`` what is trained; ``loop`` trains it with ``checkpoint``, ``log`` and
``distributed``, and ``export`` writes the weights. ``pairs`` is the task of networks that register two images, with
``data`` and ``losses``.
"""
