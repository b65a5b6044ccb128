"""What a study is made of: prompts by recipe, and images sampled of them."""
