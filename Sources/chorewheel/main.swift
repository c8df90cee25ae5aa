print("chorewheel")
