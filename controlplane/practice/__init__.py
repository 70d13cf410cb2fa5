"""The practice month: thirty days of upstream changes on the practice fleet (emulated), with and without updates."""
